"""What the Files and Batches API needs: objects, uploads and downloads, as patient as everything else."""

import re

import pytest

from tests.api.asking import client
from tests.faulty_server import answers, cut_off, fails, resets, sends, serving_faulty, too_many
from urial.api.client import StatusError

BINARY = bytes(range(256)) * 40


def test_an_object_is_fetched_with_its_query() -> None:
    with serving_faulty([answers({"data": []})]) as server:
        assert client(server).get("/batches", {"after": "b 1&é", "limit": "2"}) == {"data": []}
        assert client(server).get("/batches/b1") == {"data": []}
    assert [(asked.method, asked.path) for asked in server.asked] == [
        ("GET", "/v1/batches?after=b+1%26%C3%A9&limit=2"),
        ("GET", "/v1/batches/b1"),
    ]


def test_a_file_is_uploaded_as_it_is() -> None:
    with serving_faulty([resets(), too_many("0.05"), answers({"id": "file-1"})]) as server:
        assert client(server).upload("requests.jsonl", BINARY, "batch") == {"id": "file-1"}
    assert len(server.asked) == 3
    for asked in server.asked:
        assert (asked.method, asked.path) == ("POST", "/v1/files")
        boundary = re.fullmatch("multipart/form-data; boundary=(.+)", asked.headers["content-type"])
        assert boundary
        fields = asked.data.split(b"--" + boundary[1].encode())
        assert fields[1] == b'\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        head, _, content = fields[2].partition(b"\r\n\r\n")
        assert b'name="file"; filename="requests.jsonl"' in head
        assert content == BINARY + b"\r\n"


def test_a_file_is_downloaded_as_it_is() -> None:
    good = sends(BINARY, kind="application/octet-stream")
    with serving_faulty([cut_off({"a": "x" * 50}), good]) as server:
        assert client(server).download("/files/file-1/content") == BINARY
    assert [asked.path for asked in server.asked] == ["/v1/files/file-1/content"] * 2


@pytest.mark.parametrize("data", [b"", b'{"a": 1}\n{"a": 2}\n', b"<html>"])
def test_a_downloaded_file_need_not_be_json(data: bytes) -> None:
    with serving_faulty([sends(data)]) as server:
        assert client(server).download("/files/file-1/content") == data


def test_a_file_that_is_not_there() -> None:
    with serving_faulty([fails(404, "No such File object: file-1")]) as server:
        with pytest.raises(StatusError) as caught:
            client(server).download("/files/file-1/content")
        assert str(caught.value).startswith(f"{server.url}: status 404: No such File object: file-1\n")
    assert len(server.asked) == 1
