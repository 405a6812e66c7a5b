"""`gagavatar batch`: many portraits and drivers, on one machine or on a Ray cluster."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import GagavatarError
from .animate import add_animation
from .options import add_command, finish, read_settings, whole
from .voice import read_text

if TYPE_CHECKING:
    from ..batch.jobs import Job, JobSettings
    from ..batch.run import Standing
    from ..batch.workers import Workers
    from ..settings import Settings

_EXAMPLES = """\
  gagavatar batch jobs.jsonl -o clips                     {"portrait": "a.jpg", "driver": "b.mp4", "size": 256}
  gagavatar batch --portraits "faces/*.jpg" --drivers "films/*.mp4" -o clips
  gagavatar batch jobs.csv -o clips --dry-run             what there is to do, and how long it takes
  gagavatar batch jobs.jsonl -o s3://bucket/clips --ray auto
"""

_TELL_SECONDS = 30.0


def add_parser(subparsers: Any) -> None:
    """Add `batch` to the subparsers of `gagavatar`."""
    parser = add_command(subparsers, "batch", run, "animate many portraits with many drivers", _EXAMPLES)
    parser.add_argument(
        "jobs",
        nargs="?",
        metavar="JOBS",
        help=".jsonl or .csv: portrait, driver, output and any option below, by its name, one clip a line",
    )
    parser.add_argument("-o", "--out", required=True, metavar="DIR", help="folder, or s3://, gs://, hf:// address")
    parser.add_argument("--portraits", metavar="GLOB", help="instead of JOBS: each of these ...")
    parser.add_argument("--drivers", metavar="GLOB", help="... with each of these, or with a built-in motion")
    parser.add_argument(
        "--extension", default=".mp4", metavar="EXT", help="of clips that JOBS give no output (default: .mp4)"
    )
    group = parser.add_argument_group("batch")
    group.add_argument("--dry-run", action="store_true", help="say what there is to do and how long it takes")
    group.add_argument(
        "--workers", type=whole(1, 4096), metavar="N", help="tasks at a time (default: by cores, memory and GPUs)"
    )
    group.add_argument("--retries", type=whole(0, 100), default=2, metavar="N", help="of what failed (default: 2)")
    group.add_argument("--keep", action="store_true", help="leave avatars and motions in DIR for the next batch")
    group.add_argument("--ledger", metavar="FILE", help="what is done (default: in DIR, or here if DIR is remote)")
    group.add_argument("--ray", metavar="ADDRESS", help="work on a Ray cluster: auto, local, or an address")
    _add_clip_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code: 1 where a clip failed."""
    from ..batch.run import Batch

    jobs, settings = _jobs(args), read_settings(args)
    if args.dry_run:
        return _dry_run(args, jobs, settings)
    workers, why = _workers(args, jobs)
    with _Bar(args) as bar, Batch(args.out, jobs, settings, args.ledger, planned=bar.planned) as batch:
        there = batch.outlook(workers.count)
        bar.say(f"{_count_lines(there.counts)}; {workers.count} workers ({why}), about {_time(there.estimate.seconds)}")
        batch.run(workers, args.retries, args.keep, bar)
        summary = batch.summary()
    finish(args, summary, _table(summary))
    return 1 if summary["failed"] else 0


def _dry_run(args: argparse.Namespace, jobs: list[Job], settings: Settings) -> int:
    from ..batch.costs import Estimator
    from ..batch.jobs import check_outputs
    from ..batch.ledger import Ledger
    from ..batch.plan import Planner
    from ..batch.run import default_ledger, outlook

    check_outputs(jobs)
    file = default_ledger(args.out) if args.ledger is None else args.ledger
    known: Mapping[str, Any] = {}
    if os.path.isfile(file):
        with Ledger(file) as ledger:
            known = {task.id: task for task in ledger.tasks()}
    plan = Planner(args.out, settings).plan(jobs)
    count, why = _pool_size(args, jobs)[:2]
    there = outlook(plan, known, count, Estimator())
    summary = {
        "out": args.out,
        "tasks": {kind: {"all": every, "done": done} for kind, (every, done) in there.counts.items()},
        "workers": count,
        "seconds": round(there.estimate.seconds, 1),
        "work_seconds": round(there.estimate.work, 1),
        "unknown_lengths": there.estimate.assumed,
        "broken": [{"output": job.output, "error": why} for job, why in plan.broken],
    }
    lines = [
        f"{args.out}: {_count_lines(there.counts)}",
        f"{count} workers ({why}): about {_time(there.estimate.seconds)}, {_time(there.estimate.work)} of work",
    ]
    if there.estimate.assumed:
        lines.append(f"{there.estimate.assumed} drivers of unknown length were taken for 10 s")
    lines += [f"{job.output}: {why}" for job, why in plan.broken]
    finish(args, summary, "\n".join(lines))
    return 1 if plan.broken else 0


def _jobs(args: argparse.Namespace) -> list[Job]:
    from ..batch.jobs import Job, all_pairs, default_output, read_rows
    from ..batch.storage import matching
    from ..driving.builtin import BUILTIN_NAMES

    if bool(args.jobs) == bool(args.portraits and args.drivers) or bool(args.portraits) != bool(args.drivers):
        raise GagavatarError("Name a list of jobs, or both --portraits and --drivers")
    if not args.jobs:
        settings = _job_settings(args)
        drivers = [args.drivers] if args.drivers in BUILTIN_NAMES else matching(args.drivers)
        pairs = all_pairs(matching(args.portraits), drivers)
        return [Job(face, driver, default_output(face, driver, args.extension), settings) for face, driver in pairs]
    parser, jobs = _RowParser(add_help=False, allow_abbrev=False), []
    _add_clip_options(parser)
    made: dict[str, JobSettings] = {}
    for row in read_rows(args.jobs):
        key = repr(sorted(row.settings.items()))
        if key not in made:
            made[key] = _row_settings(args, parser, row.settings, row.place)
        output = row.output or default_output(row.portrait, row.driver, args.extension)
        jobs.append(Job(row.portrait, row.driver, output, made[key]))
    return jobs


class _RowParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise GagavatarError(message)


def _row_settings(args: argparse.Namespace, parser: _RowParser, settings: Mapping[str, Any], place: str) -> JobSettings:
    """Return the command line's options, with those that a list's line says otherwise: same names, same ranges."""
    from ..batch.jobs import JobSettings

    names = {one.name for one in dataclasses.fields(JobSettings)}
    chosen, options = argparse.Namespace(**vars(args)), []
    for given, value in settings.items():
        name = given.replace("-", "_").lower()
        if name not in names:
            raise GagavatarError(f"{place}: there is no setting '{given}': use {', '.join(sorted(names))}")
        if isinstance(getattr(JobSettings(), name), bool):
            if str(value).lower() not in ("true", "false", "1", "0"):
                raise GagavatarError(f"{place}: {given} is true or false, not '{value}'")
            setattr(chosen, name, str(value).lower() in ("true", "1"))
        elif value is not None:
            if isinstance(getattr(chosen, name), list):  # what the line says takes the place of the command's
                setattr(chosen, name, [])
            options += [f"--{name.replace('_', '-')}={text}" for text in _option_texts(name, value)]
    try:
        return _job_settings(parser.parse_args(options, chosen))
    except GagavatarError as error:
        raise GagavatarError(f"{place}: {error}") from error


def _option_texts(name: str, value: Any) -> list[str]:
    """Return a setting of a list's line as the command line has it; an option that may be given twice has several."""
    if name == "voice_strength" and isinstance(value, dict):
        return [f"{part}={strength}" for part, strength in value.items()]
    if name in ("voice", "voice_strength"):
        return [str(one) for one in (value if isinstance(value, list) else [value])]
    return [("x" if name == "size" else ",").join(map(str, value)) if isinstance(value, list) else str(value)]


def _job_settings(args: argparse.Namespace) -> JobSettings:
    from ..batch.jobs import JobSettings
    from ..media.backgrounds import is_transparent
    from ..speech.manner import split_voices

    split_voices(args.voice)
    if args.compare and (args.stitch or is_transparent(args.background)):
        raise GagavatarError("compare goes with neither stitch nor a transparent background: leave one out")
    given = {one.name: getattr(args, one.name) for one in dataclasses.fields(JobSettings)}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return JobSettings(**{**given, "text": read_text(args.text)})


def _add_clip_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stitch", action="store_true", help="put the head back into the original picture")
    parser.add_argument("--compare", action="store_true", help="portrait, driver (if a film) and result side by side")
    add_animation(parser)


def _workers(args: argparse.Namespace, jobs: list[Job]) -> tuple[Workers, str]:
    from ..batch.workers import Processes

    if args.ray:
        from ..batch.ray_workers import RayWorkers

        actors = RayWorkers(args.ray, _models(args, jobs), args.workers)
        return actors, "as chosen" if args.workers else "what the cluster bears"
    count, why, devices = _pool_size(args, jobs)
    return Processes(count, devices), why


def _pool_size(args: argparse.Namespace, jobs: list[Job]) -> tuple[int, str, tuple[str, ...]]:
    from ..batch.sizing import pool_size, this_machine

    if args.workers is not None:
        return args.workers, "as chosen", ()
    models = _models(args, jobs)
    size = pool_size(this_machine("gagavatar" in models), models, args.device)
    return size.workers, size.why, size.devices


def _models(args: argparse.Namespace, jobs: list[Job]) -> set[str]:
    from .. import pipeline

    settings = read_settings(args)
    return {pipeline.choose_model(name, settings)[0] for name in {job.settings.avatar for job in jobs}}


def _count_lines(counts: Mapping[str, tuple[int, int]]) -> str:
    nouns = {"lift": "portraits to lift", "track": "drivers to track", "render": "clips to render"}
    parts = []
    for kind, (every, done) in counts.items():
        parts.append(f"{every - done} {nouns[kind]}" + (f" ({done} of {every} done)" if done else ""))
    return ", ".join(parts)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172800 else f"{seconds / 86400:.1f} days"


def _table(summary: Mapping[str, Any]) -> str:
    """Return the summary for people: stages, failures, and what there is now."""
    lines = [f"{'stage':8}{'tasks':>8}{'seconds':>12}{'CPU seconds':>14}"]
    for kind, stage in summary["stages"].items():
        lines.append(f"{kind:8}{stage['tasks']:>8}{stage['seconds']:>12.1f}{stage['cpu_seconds']:>14.1f}")
    lines += [f"failed  {job['output']}: {job['error']}" for job in summary["jobs"] if job["state"] == "failed"]
    frames = sum(job.get("frames", 0) for job in summary["jobs"])
    lines.append(
        f"{summary['out']}: {summary['done']} clips done, {frames} frames, {summary['failed']} failed, "
        f"in {_time(summary['seconds'])}"
    )
    return "\n".join(lines)


class _Bar:
    """Progress on stderr with the time left; lines where it is no terminal, nothing with --quiet or --json."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._hidden, self._plain = args.quiet or args.json, not sys.stderr.isatty()
        self._bar: Any = None
        self._told = 0.0

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def say(self, line: str) -> None:
        """Write a line."""
        if not self._hidden:
            print(line, file=sys.stderr)

    def planned(self, count: int) -> None:
        """Tell that the files of so many jobs were looked at."""
        if count % 1000 == 0:
            self.say(f"looked at the files of {count} clips")

    def __call__(self, standing: Standing) -> None:
        """Show how far it is."""
        if self._hidden:
            return
        text = f"{standing.done} of {standing.total} clips" + (f", {standing.failed} failed" if standing.failed else "")
        text += f", {_time(standing.seconds_left)} left" if standing.fraction < 1 else ""
        if self._plain:
            if time.monotonic() - self._told > _TELL_SECONDS:
                self._told = time.monotonic()
                self.say(text)
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=100, leave=False, bar_format="{percentage:3.0f}% |{bar}| {desc}")
        self._bar.n = round(100 * standing.fraction)
        self._bar.set_description_str(text)
