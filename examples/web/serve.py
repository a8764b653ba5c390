#!/usr/bin/env python3
"""Serve a folder to the browsers of this machine, with the headers that threads in WebAssembly need.

usage: serve.py FOLDER [--port 8080] [--no-isolation]
"""

import argparse
import functools
import http.server


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map,
                      ".js": "text/javascript", ".wasm": "application/wasm"}
    isolated = True

    def end_headers(self):
        if self.isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def copyfile(self, source, output):
        try:
            super().copyfile(source, output)
        except ConnectionError:  # the browser was closed
            pass

    def log_message(self, *_):
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=8080, help="0: one that is free")
    parser.add_argument("--no-isolation", action="store_true", help="without these headers, as most servers")
    arguments = parser.parse_args()
    Handler.isolated = not arguments.no_isolation
    handler = functools.partial(Handler, directory=arguments.folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", arguments.port), handler) as server:
        print(f"http://localhost:{server.server_address[1]}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
