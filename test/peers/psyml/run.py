"""Runs psyml's own commands on the files that stdin names, in one process: JSON in, JSON out."""
import contextlib
import io
import json
import sys

import yaml
from psyml.models import PSyml

answers = []
for task in json.load(sys.stdin):
    data = io.TextIOWrapper(io.BytesIO(task["text"].encode("utf-8", "surrogatepass")), encoding="utf-8")
    out = io.StringIO()
    try:
        if task["command"] == "read":
            answers.append({"value": json.loads(json.dumps(yaml.safe_load(data.read()), default=str))})
            continue
        with contextlib.redirect_stdout(out):
            getattr(PSyml(data), task["command"])()
        answers.append({"text": out.getvalue()})
    except Exception as error:  # its own answer to a file that it does not take
        answers.append({"error": type(error).__name__})
json.dump(answers, sys.stdout)
