"""The validator of the OPTIMADE tools, with all its tests, against a server of a store."""

import contextlib
import io

import pytest

pytest.importorskip("optimade", reason="the extra 'serve' is not installed")
pytest.importorskip("optimade.validator", reason="the extra 'serve' is not installed")


def test_the_validator_finds_nothing(filled, serving):
    from optimade.validator import ImplementationValidator

    # one dataset and the unversioned address on SQLite, all datasets and the versioned one on PostgreSQL
    dataset, base = ("", "http://localhost/v1") if "://" in filled else ("crystals", "http://localhost")
    client = serving(filled, dataset=dataset)

    class Asking:
        base_url, last_request = base, None

        def get(self, request):
            self.last_request = request if "://" in request else f"{self.base_url}/{request.lstrip('/')}"
            return client.get(self.last_request)

    validator = ImplementationValidator(client=Asking(), run_optional_tests=True)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        validator.validate_implementation()
    found = validator.results
    assert validator.valid, said.getvalue()
    assert (found.failure_count, found.internal_failure_count, found.optional_failure_count) == (0, 0, 0), (
        said.getvalue()
    )
    assert found.success_count > 50
