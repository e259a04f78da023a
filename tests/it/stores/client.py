"""The stores' own clients: takes requests as JSON lines and answers each with a line.

A request has `store` (s3, azure or google), `endpoint`, `bucket`, `do` (make, put, get, delete, list; sign makes a shared
access signature for Azure for the rights in `key`) and, by what is to be done, `key` and `file`, which is read by put and written by get. An answer has `value`, `missing` or `error`.
"""

import datetime
import functools
import json
import sys
import traceback

# Azurite's and the Azure Storage Emulator's well-known account.
AZURE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsu"
    "Fq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint={}/devstoreaccount1;"
)


class S3:
    def __init__(self, endpoint):
        import boto3
        from botocore.config import Config

        # s3s-fs keeps the checksum of an object that a later upload replaces.
        config = Config(
            s3={"addressing_style": "path"}, retries={"max_attempts": 1}, response_checksum_validation="when_required"
        )
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="the-key-id",
            aws_secret_access_key="planted-secret-key",
            config=config,
        )

    def make(self, bucket):
        self.client.create_bucket(Bucket=bucket)

    def put(self, bucket, key, file):
        with open(file, "rb") as body:
            self.client.put_object(Bucket=bucket, Key=key, Body=body)

    def get(self, bucket, key, file):
        try:
            body = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return missing()
        save(file, body)

    def delete(self, bucket, key):
        self.client.delete_object(Bucket=bucket, Key=key)

    def list(self, bucket):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]


class Azure:
    def __init__(self, endpoint):
        from azure.storage.blob import BlobServiceClient

        self.client = BlobServiceClient.from_connection_string(AZURE.format(endpoint))

    def make(self, bucket):
        self.client.create_container(bucket)

    def put(self, bucket, key, file):
        with open(file, "rb") as body:
            self.client.get_blob_client(bucket, key).upload_blob(body.read(), overwrite=True)

    def get(self, bucket, key, file):
        from azure.core.exceptions import ResourceNotFoundError

        try:
            save(file, self.client.get_blob_client(bucket, key).download_blob().readall())
        except ResourceNotFoundError:
            return missing()

    def delete(self, bucket, key):
        self.client.get_blob_client(bucket, key).delete_blob()

    def list(self, bucket):
        return [found.name for found in self.client.get_container_client(bucket).list_blobs()]

    def sign(self, bucket, key):
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        may = ContainerSasPermissions.from_string(key)
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        account = self.client.credential
        return generate_container_sas(account.account_name, bucket, account.account_key, permission=may, expiry=until)


class Google:
    def __init__(self, endpoint):
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        self.client = storage.Client("project", AnonymousCredentials(), client_options={"api_endpoint": endpoint})

    def make(self, bucket):
        self.client.create_bucket(bucket)

    def put(self, bucket, key, file):
        self.client.bucket(bucket).blob(key).upload_from_filename(file, content_type="application/octet-stream")

    def get(self, bucket, key, file):
        from google.cloud.exceptions import NotFound

        try:
            save(file, self.client.bucket(bucket).blob(key).download_as_bytes())
        except NotFound:
            return missing()

    def delete(self, bucket, key):
        self.client.bucket(bucket).blob(key).delete()

    def list(self, bucket):
        return [found.name for found in self.client.list_blobs(bucket)]


class Missing(Exception):
    pass


def missing():
    raise Missing


def save(file, content):
    with open(file, "wb") as to:
        to.write(content)


@functools.cache
def client(store, endpoint):
    return {"s3": S3, "azure": Azure, "google": Google}[store](endpoint)


def answer(request):
    store, endpoint, do = request.pop("store"), request.pop("endpoint"), request.pop("do")
    try:
        return {"value": getattr(client(store, endpoint), do)(**request)}
    except Missing:
        return {"missing": True}
    except Exception:
        return {"error": traceback.format_exc()}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
