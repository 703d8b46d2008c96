"""A dataset of a store as a folder that others can use: data, licence, citation, provenance, checksums."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from importlib import metadata
from pathlib import Path

from matloop.core.errors import ConfigError, DataError, RunError
from matloop.core.files import said, sha256, write_text
from matloop.core.jsonable import dumps
from matloop.core.progress import SILENT, Progress
from matloop.data.share.choose import Account, Override, Withheld, chosen
from matloop.data.share.crate import (
    METADATA,
    Creator,
    Described,
    FileIn,
    column_list,
    crate,
    creator,
    withheld_lines,
)
from matloop.data.share.escape import disarmed
from matloop.data.share.flat import survey
from matloop.data.share.forms import checked_form, write_form
from matloop.data.share.licences import UNSTATED, Combined, Licence, combined
from matloop.data.share.papers import citation_cff, readme, references_bib
from matloop.data.store.address import address
from matloop.data.store.store import open_store
from matloop.data.store.values import DatasetCard, Record, Version

MANIFEST = "manifest-sha256.txt"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the folder, how many records, under which licence, what stayed behind."""

    folder: str
    dataset: str
    version: int
    form: str
    records: int
    licence: str
    why: tuple[str, ...]
    left_out: tuple[str, ...]
    files: tuple[FileIn, ...]

    def lines(self) -> list[str]:
        """For the screen."""
        size = sum(one.size for one in self.files)
        head = f"{self.dataset}@{self.version}: {self.records:,} records as {self.form} in {self.folder} "
        lines = [f"{head}({len(self.files):,} files, {size / 1e6:.1f} MB)", f"licence: {self.licence}"]
        lines += [f"  {line}" for line in self.why]
        lines += [f"! {line}" for line in self.left_out]
        return lines


def export_dataset(
    where: str, folder: Path | str, *, form: str = "csv", creators: Sequence[str] = (), licence: str = "",
    override: Override | None = None, progress: Progress = SILENT,
) -> Exported:  # fmt: skip
    """Write "STORE#DATASET@VERSION?QUERY" into a new folder; equal versions give equal files.

    Records without a licence, and those that may not be shared, are left out and listed in withheld.csv.

    Parameters
    ----------
    folder : must not be there yet, or be empty. form : one of `matloop.data.share.forms.FORMS`. creators : "Name
    <ORCID>"; by default who made the versions. licence : of the dataset; by default what it is described with, else the
    least strict one that its sources allow. override : why records are included that would stay behind.

    Raises
    ------
    ConfigError : a bad form, creator or folder. DataError : no such dataset, nothing that may be shared, licences that
        do not go together, records that the form cannot hold. RunError : the folder cannot be written.
    """
    place, kind = address(where, dataset=True), checked_form(form)
    target, people = Path(folder).expanduser(), tuple(map(creator, creators))
    _refuse_folder(target)
    override = override or Override()
    with open_store(place.place, create=False) as store:
        card, version = store.card(place.dataset), store.version(place.dataset, place.version)
        query = "" if place.query.everything else where.partition("?")[2]
        if not people:
            past = [one for one in store.history(place.dataset) if one.number <= version.number]
            people = tuple(Creator(name) for name in dict.fromkeys(one.author for one in past if one.author))

        def records() -> Iterator[Record]:
            return store.records(place.dataset, place.query, version=version.number)

        account = Account()
        progress.step("looking at licences")
        columns = survey(chosen(records(), override, account), xml=kind == "xlsx")
        whole = _licence(account, card, version, licence)
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            progress.step("writing")
            write_form(staging, kind, lambda: chosen(records(), override), columns)
            told = Described(card, version, kind, columns, account, whole, override, people, query, _release())
            _papers(staging, told)
            staging.chmod(0o755)
            if target.exists():
                target.rmdir()
            staging.rename(target)
        except OSError as error:
            raise RunError(said(target, error)) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Exported(
        str(target), card.name, version.number, kind, account.kept, whole.licence.name,
        (*whole.why, *override.lines()), tuple(f"{line} (withheld.csv)" for line in withheld_lines(account)),
        tuple(_files(target)),
    )  # fmt: skip


def _release() -> str:
    try:
        return metadata.version("matloop")
    except metadata.PackageNotFoundError:  # run from its sources
        return "0"


def _refuse_folder(target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.exists():
        raise ConfigError(f"{target}: is there already. Name a new folder with -o.")


def _licence(account: Account, card: DatasetCard, version: Version, wish: str) -> Combined:
    if not account.kept:
        reasons = "; ".join(withheld_lines(account)) or "the dataset holds no record that is asked for"
        raise DataError(
            f"{card.name}@{version.number}: nothing may be shared: {reasons}. Say the licence when data are added "
            "(matloop data add ... --licence CC-BY-4.0 --mode replace), or give a reason to share them all the same: "
            "--unlicensed WHY, --not-shareable WHY."
        )
    forced = [f"{n:,} records are included that are {what}" for what, n in sorted(account.forced.items()) if n]
    if forced:
        return Combined(Licence(UNSTATED, "No licence for the whole", "", "unknown"), tuple(forced))
    providers = len({(one.provider, one.licence) for one in account.sources})
    return combined(account.licences, wish=wish or card.licence, providers=providers)


def _papers(folder: Path, told: Described) -> None:
    """All files but the data: columns, withheld.csv, README, citation, crate, manifest."""
    if told.form in ("csv", "parquet", "xlsx"):
        table = f"records.{told.form}"
        write_text(folder / f"{table}-metadata.json", dumps(column_list(table, told.columns)) + "\n")
    if told.account.withheld:
        write_text(folder / "withheld.csv", _withheld(told.account.withheld))
    write_text(folder / "CITATION.cff", citation_cff(told))
    if references := references_bib(told):
        write_text(folder / "references.bib", references)
    write_text(folder / "README.md", readme(told, _files(folder)))
    write_text(folder / METADATA, dumps(crate(told, _files(folder))) + "\n")
    write_text(folder / MANIFEST, "".join(f"{one.sha256}  {one.path}\n" for one in _files(folder)))


def _files(folder: Path) -> list[FileIn]:
    """The files of a folder by name, without the manifest."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return [FileIn(path.relative_to(folder).as_posix(), path.stat().st_size, sha256(path)) for path in found]


def _withheld(entries: Sequence[Withheld]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([one.name for one in fields(Withheld)])
    writer.writerows([disarmed(text) for text in astuple(entry)] for entry in entries)
    return stream.getvalue()
