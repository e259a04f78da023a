"""gcp-storage-emulator with the part of Google's XML API that it lacks, on one port that is printed.

The emulator keeps the objects and answers the JSON API, which Google's own Python client speaks; what is here answers the
XML API, which object_store speaks, from the same objects: https://cloud.google.com/storage/docs/xml-api/reference-methods.
"""

import hashlib
import logging
import threading
import urllib.parse
import uuid
from email.utils import formatdate
from functools import partial
from http.server import ThreadingHTTPServer
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import objects
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

# Objects on a page of a listing: few, so that pages are turned in the tests.
PAGE = 5
JSON = ("/storage/", "/upload/", "/download/", "/b/", "/batch")
# The emulator was made for one request at a time.
LOCK = threading.Lock()
UPLOADS = {}
METADATA = "x-goog-meta-"


class Handler(RequestHandler):
    protocol_version = "HTTP/1.1"

    def parse_request(self):
        if not super().parse_request():
            return False
        # The emulator's own answers end with their connection.
        self.is_xml = not self.path.startswith(JSON) and self.path.strip("/") != ""
        if self.is_xml:
            parts = urllib.parse.urlsplit(self.path)
            names = [urllib.parse.unquote(part) for part in parts.path[1:].split("/", 1)]
            self.bucket, self.key = names[0], names[1] if len(names) > 1 else ""
            self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        return True

    def handle_xml(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        with LOCK:
            try:
                status, headers, content = self.answer(body)
            except NotFound:
                status, headers, content = problem(404, "NoSuchKey", "The specified key does not exist.")
        self.send_response(status)
        length = headers.pop("Content-Length", len(content))
        for name, value in {"Content-Length": length, **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def answer(self, body):
        if self.bucket not in self.storage.buckets:
            return problem(404, "NoSuchBucket", "The specified bucket does not exist.")
        match self.command:
            case "GET" if not self.key:
                return self.list()
            case "GET" | "HEAD":
                return self.read()
            case "PUT" if "uploadId" in self.query:
                UPLOADS[self.query["uploadId"]][int(self.query["partNumber"])] = body
                return 200, {"ETag": etag(body)}, b""
            case "PUT" if source := self.headers.get("x-goog-copy-source"):
                bucket, key = urllib.parse.unquote(source).lstrip("/").split("/", 1)
                found = self.storage.get_file_obj(bucket, key)
                status, headers, _ = self.create(self.storage.get_file(bucket, key), found.get("metadata"))
                return status, headers, self.xml("CopyObjectResult", f"<ETag>{escape(headers.get('ETag', ''))}</ETag>")
            case "PUT":
                return self.create(body)
            case "POST" if "uploads" in self.query:
                upload = uuid.uuid4().hex
                UPLOADS[upload] = {"metadata": self.metadata()}
                return 200, {}, self.xml("InitiateMultipartUploadResult", f"<UploadId>{upload}</UploadId>")
            case "POST":
                return self.complete(body)
            case "DELETE" if "uploadId" in self.query:
                UPLOADS.pop(self.query["uploadId"], None)
                return 204, {}, b""
            case "DELETE":
                self.storage.delete_file(self.bucket, self.key)
                return 204, {}, b""
        return problem(400, "InvalidRequest", "No such request.")

    def existing(self):
        try:
            return self.storage.get_file_obj(self.bucket, self.key)
        except NotFound:
            return None

    def metadata(self):
        names = [name for name in self.headers if name.lower().startswith(METADATA)]
        return {name.lower().removeprefix(METADATA): self.headers[name] for name in names}

    def create(self, body, metadata=None):
        wanted = self.headers.get("x-goog-if-generation-match")
        existing = self.existing()
        if wanted is not None and wanted != (existing["generation"] if existing else "0"):
            return problem(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
        content_type = self.headers.get("Content-Type", "application/octet-stream")
        made = objects._make_object_resource("http://" + self.headers["Host"], self.bucket, self.key, content_type, str(len(body)))
        objects._checksums(body, made)
        made["metadata"] = self.metadata() if metadata is None else metadata
        self.storage.create_file(self.bucket, self.key, body, made)
        return 200, {"ETag": etag(body), "x-goog-generation": made["generation"]}, b""

    def complete(self, body):
        parts = UPLOADS.get(self.query["uploadId"])
        if parts is None:
            return problem(404, "NoSuchUpload", "The requested upload was not found.")
        wanted = [
            (int(part.findtext("{*}PartNumber")), part.findtext("{*}ETag")) for part in ElementTree.fromstring(body).findall("{*}Part")
        ]
        if any(number not in parts or etag(parts[number]) != tag for number, tag in wanted):
            return problem(400, "InvalidPart", "One or more of the specified parts could not be found.")
        whole = b"".join(parts[number] for number, _ in wanted)
        status, headers, content = self.create(whole, parts["metadata"])
        if status == 200:
            del UPLOADS[self.query["uploadId"]]
            content = self.xml("CompleteMultipartUploadResult", f"<ETag>{escape(etag(whole))}</ETag>")
        return status, headers, content

    def read(self):
        found = self.storage.get_file_obj(self.bucket, self.key)
        whole = self.storage.get_file(self.bucket, self.key)
        headers = {
            "ETag": etag(whole),
            "x-goog-generation": found["generation"],
            "Last-Modified": formatdate(int(found["generation"]) / 1e9, usegmt=True),
            "Content-Type": found["contentType"] or "application/octet-stream",
            **{METADATA + name: value for name, value in (found.get("metadata") or {}).items()},
        }
        if self.headers.get("If-Match") not in (None, "*", headers["ETag"]):
            return problem(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
        if self.command == "HEAD":
            return 200, {**headers, "Content-Length": len(whole)}, b""
        if not (asked := self.headers.get("Range")):
            return 200, headers, whole
        first, last = asked.removeprefix("bytes=").split("-")
        start = int(first) if first else max(len(whole) - int(last), 0)
        end = min(int(last) + 1, len(whole)) if first and last else len(whole)
        if start >= len(whole):
            return problem(416, "InvalidRange", "The requested range cannot be satisfied.")
        return 206, {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(whole)}"}, whole[start:end]

    def list(self):
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter")
        after = max(self.query.get("continuation-token", ""), self.query.get("start-after", ""))
        files, prefixes = self.storage.get_file_list(self.bucket, prefix or None, delimiter or None)
        found = sorted([(file["name"], file) for file in files] + [(name, None) for name in prefixes], key=lambda f: f[0])
        found = [(name, file) for name, file in found if name > after]
        most = min(PAGE, int(self.query.get("max-keys", PAGE)))
        page, more = found[:most], len(found) > most
        text = f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
        if more:
            text += f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>"
        for name, file in page:
            if file is None:
                text += f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
                continue
            tag = etag(self.storage.get_file(self.bucket, name))
            text += (
                f"<Contents><Key>{escape(name)}</Key><LastModified>{file['updated']}</LastModified>"
                f"<ETag>{escape(tag)}</ETag><Size>{file['size']}</Size></Contents>"
            )
        return 200, {}, self.xml("ListBucketResult", text)

    def xml(self, element, content):
        return f'<?xml version="1.0" encoding="UTF-8"?><{element}>{content}</{element}>'.encode()

    def handle_json(self, method):
        self.close_connection = True
        with LOCK:
            getattr(RequestHandler, f"do_{method}")(self)

    def log_message(self, *_):
        pass


def problem(status, code, message):
    return status, {}, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


def etag(content):
    return f'"{hashlib.md5(content).hexdigest()}"'


def route(method):
    return lambda self: self.handle_xml() if self.is_xml else self.handle_json(method)


for name in ("GET", "HEAD", "PUT", "POST", "DELETE"):
    setattr(Handler, f"do_{name}", route(name))

logging.disable()
server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, Storage(use_memory_fs=True)))
server.daemon_threads = True
print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
