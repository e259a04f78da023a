"""Sends one request, signed with the emulator's well-known key: METHOD URL [FILE] [HEADER:VALUE ...]."""

import base64
import hashlib
import hmac
import sys
import urllib.parse
import urllib.request
from email.utils import formatdate

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def main(method, url, file, *extra):
    body = open(file, "rb").read() if file else b""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    headers.update(header.split(":", 1) for header in extra)
    parts = urllib.parse.urlsplit(url)
    query = "".join(f"\n{key}:{value}" for key, value in sorted(urllib.parse.parse_qsl(parts.query)))
    named = "".join(f"{key}:{value}\n" for key, value in sorted(headers.items()))
    length = str(len(body)) if body else ""
    content_type = "application/octet-stream"
    text = f"{method}\n\n\n{length}\n\n{content_type}\n\n\n\n\n\n\n{named}/{ACCOUNT}{parts.path}{query}"
    signature = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature}"
    headers["Content-Type"] = content_type
    request = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        sys.stdout.buffer.write(answer.read())


main(*sys.argv[1:])
