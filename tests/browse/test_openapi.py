"""The description of the API against the running server: what it says is so."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode

from catalog.browse import server
from catalog.browse.addresses import API
from catalog.browse.api.reading import DESCRIPTION
from catalog.browse.credentials import Secrets
from catalog.browse.options import Options
from daemon.commands.serve import listen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENT = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
# It never ends.
ENDLESS = "/api/events"
EXAMPLES = 12


@pytest.fixture(scope="module")
def served(_built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Where a real server listens, and a token that may change."""
    home = tmp_path_factory.mktemp("openapi")
    shutil.copytree(_built.parent, home / "state")
    (home / "inbox").mkdir()
    token = Secrets(home / "web.json").add_token("test", may_change=True)
    options = Options(
        is_open=True, secrets=home / "web.json", inbox=home / "inbox", downloads=True, upload_mb=1
    )
    datasette = server.build(home / "state" / _built.name, options)
    stop = threading.Event()
    with listen("127.0.0.1", 0) as listener:
        http = server.server(datasette, stop=stop)
        thread = threading.Thread(target=http.run, kwargs={"sockets": [listener]})
        thread.start()
        while not http.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", token
        http.should_exit = True
        thread.join()
    server.close(datasette)


def test_every_address_is_described() -> None:
    named = [re.sub(r"\(\?P<(.+?)>[^)]*\)", r"{\1}", it).replace("\\", "") for it in API]
    served = {f"/api/{it}" for it in named}
    assert served - {"/api/openapi.json"} == set(DOCUMENT["paths"])


schema = schemathesis.openapi.from_dict(DOCUMENT)
schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])


@schema.exclude(path=ENDLESS).parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_the_server_does_what_is_described(case: Any, served: tuple[str, str]) -> None:
    address, token = served
    response = case.call(
        base_url=address, headers={"authorization": f"Bearer {token}", **(case.headers or {})}
    )
    assert response.status_code < 500 or response.status_code in (503, 507), response.text
    case.validate_response(
        response,
        checks=[
            schemathesis.checks.not_a_server_error,
            schemathesis.checks.content_type_conformance,
            schemathesis.checks.response_schema_conformance,
            schemathesis.checks.status_code_conformance,
        ]
        if response.status_code not in (503, 507)
        else [schemathesis.checks.response_schema_conformance],
    )


def test_the_description_is_served(reader: Any) -> None:
    assert reader.get("/api/openapi.json").json() == DOCUMENT
