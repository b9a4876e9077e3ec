#!/usr/bin/env python3
"""Writes the golden files of the template language: templates generated over generated data, and hand-written ones, each
with what Go makes of it. Usage: generate.py ORACLE [DEFAULTS], where ORACLE is the built program of this folder (see README.md) and
DEFAULTS is Alertmanager's default.tmpl, to write anew what its templates print."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import constructs
import go_cases
import written

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "template"
WANTED = 1600
AT_LEAST = 20

random.seed(20261121)


def value():
    return random.choice([
        "HighCPU", "node", "a:9100", "eu-west-1", "critical", "warning", "info", "", "db & cache", "<b>bold</b>",
        "O'Brien \"x\"", "Ünïcödé 日本語", "javascript:alert(1)", "http://h/p?q=1&r=a b#f", "line\nbreak", "42", "3.5",
        "snake_case-name", "100%", "😀 ok", "a,b,c", "x=1; y=2", "expression(1)", "red", "5px", "/path/to", "\\back\\slash",
    ])


def key_values(names):
    return {name: value() for name in names if random.random() < 0.75}


def moment():
    zone = random.choice(["Z", "Z", "Z", "+02:00", "-05:30", "+01:00"])
    fraction = random.choice(["", ".5", ".123", ".000001", ".123456789"])
    return "20%02d-%02d-%02dT%02d:%02d:%02d%s%s" % (
        random.randint(20, 30), random.randint(1, 12), random.randint(1, 28), random.randint(0, 23),
        random.randint(0, 59), random.randint(0, 59), fraction, zone)


def alert():
    firing = random.random() < 0.6
    labels = key_values(["instance", "job", "severity", "team", "Names", "zone-x", "a"])
    labels["alertname"] = random.choice(["HighCPU", "Disk <full>", "Låst"])
    return {
        "status": "firing" if firing else "resolved",
        "labels": labels,
        "annotations": key_values(["summary", "description", "runbook_url"]),
        "startsAt": moment(),
        "endsAt": "0001-01-01T00:00:00Z" if firing else moment(),
        "generatorURL": random.choice(["", "http://prom/graph?g0.expr=up+%3D%3D+0&g0.tab=1", "tel:1", "prom:9090/x"]),
        "fingerprint": "%016x" % random.getrandbits(64),
    }


def data(count):
    alerts = [alert() for _ in range(count)]
    first = alerts[0] if alerts else {"labels": {}, "annotations": {}}

    def common(part):
        return {k: v for k, v in first[part].items() if all(a[part].get(k) == v for a in alerts)}

    return {
        "receiver": random.choice(["team-x/slack", "a\\.b", "weird & <name>"]),
        "status": "firing" if any(a["status"] == "firing" for a in alerts) else "resolved",
        "alerts": alerts,
        "notification_reason": "first notification",
        "groupLabels": {"alertname": first["labels"].get("alertname", "none")},
        "commonLabels": common("labels"),
        "commonAnnotations": common("annotations"),
        "routeLabels": key_values(["owner", "severity"]),
        "externalURL": "http://alertmanager.example:9093",
    }


def generated(datasets):
    """Templates until every construct is in AT_LEAST of them."""
    counts = {name: 0 for name in constructs.FEATURES}
    cases = []
    while len(cases) < WANTED or min(counts.values()) < AT_LEAST:
        if len(cases) > 20 * WANTED:
            raise SystemExit("never reached: %s" % [n for n, c in counts.items() if c < AT_LEAST])
        rare = [name for name, count in counts.items() if count < AT_LEAST]
        html = random.random() < 0.35
        text = constructs.template(random, html, rare)
        used = [name for name, pattern in constructs.FEATURES.items() if re.search(pattern, text)]
        if len(cases) >= WANTED and not any(name in rare for name in used):
            continue
        for name in used:
            counts[name] += 1
        cases.append({"html": html, "text": text, "data": random.randrange(len(datasets))})
    return cases, counts


def ask(oracle, cases, datasets):
    lines = [json.dumps({"name": str(i), "html": c["html"], "files": c.get("files", {}), "text": c["text"],
                         "data": datasets[c["data"]]}) for i, c in enumerate(cases)]
    done = subprocess.run([oracle], input="\n".join(lines), capture_output=True, text=True, check=True,
                          env={**os.environ, "TZ": "Europe/Berlin"})
    for case, line in zip(cases, done.stdout.splitlines(), strict=True):
        answer = json.loads(line)
        case["error" if "error" in answer else "out"] = answer.get("error", answer["out"])


def write(name, cases):
    with open(FIXTURES / name, "w", encoding="utf-8") as out:
        for case in cases:
            out.write(json.dumps(case, ensure_ascii=False) + "\n")


def main():
    oracle = sys.argv[1]
    FIXTURES.mkdir(parents=True, exist_ok=True)
    datasets = [data(count) for count in (0, 1, 1, 2, 3, 3, 4, 6)]
    (FIXTURES / "data.json").write_text(json.dumps(datasets, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    cases, _ = generated(datasets)
    ask(oracle, cases, datasets)
    good = [case for case in cases if "out" in case]
    bad = [case for case in cases if "error" in case]
    # At most a fifth are errors; then every construct must still be there often enough.
    kept = good + random.sample(bad, min(len(bad), len(good) // 5))
    counts = {name: sum(1 for case in kept if re.search(pattern, case["text"]))
              for name, pattern in constructs.FEATURES.items()}
    rare = {name: count for name, count in counts.items() if count < AT_LEAST}
    print(len(kept), "generated,", len(kept) - len(good), "of them errors,", sum(c["html"] for c in kept), "HTML; too rare:", rare)
    write("generated.jsonl", kept)
    (FIXTURES / "coverage.txt").write_text("".join("%5d %s\n" % (counts[n], n) for n in sorted(counts)), encoding="utf-8")
    hand = written.cases() + go_cases.cases()
    ask(oracle, hand, datasets)
    print(len(hand), "written,", sum("error" in case for case in hand), "of them errors")
    write("written.jsonl", hand)
    if len(sys.argv) > 2:
        source = Path(sys.argv[2]).read_text(encoding="utf-8")
        defaults(oracle, source, datasets)
    if rare:
        raise SystemExit(1)


def defaults(oracle, source, datasets):
    """What each template of the default file prints on each data set; the e-mail is not among them."""
    cases = []
    for name in re.findall(r'{{ *define "([^"]+)"', source):
        dot = ".Alerts" if "alert_list" in name or name.endswith("instances") else "."
        cases += [{"html": False, "files": {"default.tmpl": source}, "text": '{{ template "%s" %s }}' % (name, dot), "data": i}
                  for i in range(len(datasets))]
    ask(oracle, cases, datasets)
    for case in cases:
        del case["files"]
    write("defaults.jsonl", cases)
    print(len(cases), "of the defaults")


main()
