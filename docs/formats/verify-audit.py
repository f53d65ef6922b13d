#!/usr/bin/env python3
"""Checks an audit trail, as docs/formats/audit.md says, with nothing but the standard library.

usage: verify-audit.py [--public-key KEY.pem]... FILE...

FILE     files of the trail in any order; FILE.head beside one is read too
KEY.pem  the public keys that checkpoints must be signed with; needs the package cryptography

Prints what is wrong, one line for each, and ends with 1; with nothing to say it prints the chains and ends with 0.
"""
import base64
import hashlib
import json
import os
import re
import sys

TAIL = re.compile(rb',"hash":"([0-9a-f]{64})"\}')
NO_LINE = "0" * 64
problems = []


def wrong(where, what):
    problems.append(f"{where}: {what}")


def read_keys(paths):
    """Public keys by their id: the first 16 hex digits of the SHA-256 of the SubjectPublicKeyInfo."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    keys = {}
    for path in paths:
        with open(path, "rb") as file:
            blocks = re.findall(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", file.read(), re.S)
        for block in blocks:
            key = load_pem_public_key(block)
            der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            keys[hashlib.sha256(der).hexdigest()[:16]] = key
    if not keys:
        sys.exit("the files hold no public key in PEM")
    return keys


def parse(where, raw):
    """A line of a chain; None for one of version 1, which nothing protects, and for what is none."""
    try:
        line = json.loads(raw.decode("utf-8"))
        if line["audit"] == 1 and "chain" not in line:
            return None
        end = len(raw) - 75
        tail = TAIL.fullmatch(raw, end) if end > 0 else None
        whole = line["audit"] == 2 and tail is not None and all(len(line[name]) for name in ("time", "chain", "prev"))
    except (ValueError, KeyError, TypeError):
        return wrong(where, "this is no audit line")
    if not whole or type(line["seq"]) is not int or line["seq"] < 1:
        return wrong(where, "this is no audit line")
    if hashlib.sha256(raw[:end]).hexdigest() != tail[1].decode() or line["hash"] != tail[1].decode():
        wrong(where, "changed: the hash is not that of the line")
    return {**line, "where": where}


def read_lines(path):
    """The lines of chains in a file, in its order."""
    with open(path, "rb") as file:
        pieces = file.read().split(b"\n")
    if pieces.pop() != b"":
        wrong(path, "cut: the last line has no end")
    lines, odd = [], []
    for number, raw in enumerate(pieces, 1):
        before = len(problems)
        line = parse(f"{path}:{number}", raw)
        if line is not None:
            lines.append(line)
            # The service names an unfinished line that it found when it was started.
            if line.get("type") == "open" and "cut" in line:
                explained = [entry for entry in odd if len(entry[0]) == line["cut"]]
                if explained:
                    odd.remove(explained[-1])
        elif len(problems) > before:
            odd.append((raw, problems.pop()))
        elif lines:
            odd.append((raw, f"{path}:{number}: a line of version 1 behind a chain"))
    problems.extend(text for _, text in odd)
    return lines


def check_signature(line, keys):
    """The signature of a checkpoint is over the line that the checkpoint follows."""
    head = f"keystead/audit/checkpoint/v1\n{line['chain']}\n{line['seq'] - 1}\n{line['prev']}\n"
    if line.get("key") not in keys:
        return wrong(line["where"], "the checkpoint is not signed by any of the keys")
    try:
        keys[line["key"]].verify(base64.b64decode(line["signature"], validate=True), head.encode())
    except Exception:
        wrong(line["where"], "the signature of the checkpoint is not valid")


def check_chain(lines, keys):
    """Lines of one chain, file after file, in the order in which the files begin."""
    last = {"seq": 0, "hash": NO_LINE}
    for line in lines:
        where, kind = line["where"], line.get("type")
        if line["seq"] > last["seq"] + 1:
            wrong(where, f"missing: lines {last['seq'] + 1} to {line['seq'] - 1} are not there")
        elif line["seq"] <= last["seq"]:
            wrong(where, f"out of place: line {line['seq']} comes behind line {last['seq']}")
        elif line["prev"] != last["hash"]:
            wrong(where, "it does not follow the line before it")
        if (line["seq"] == 1) != (kind == "open"):
            wrong(where, "the first line of a chain, and no other, opens it")
        if last.get("type") == "close":
            wrong(where, "it comes behind the closing line")
        if keys and kind in ("checkpoint", "close"):
            check_signature(line, keys)
        last = line
    return last


def main(arguments):
    keys, files = [], []
    while arguments:
        argument = arguments.pop(0)
        (keys if argument == "--public-key" else files).append(arguments.pop(0) if argument == "--public-key" else argument)
    if not files:
        sys.exit(__doc__)
    trusted = read_keys(keys) if keys else {}
    pieces = {}
    known = {}
    for path in files:
        for line in read_lines(path):
            pieces.setdefault(line["chain"], {}).setdefault(path, []).append(line)
            for name in ("after", "lost"):
                if name in line:
                    known[line[name]["chain"], line[name]["seq"]] = (line[name]["hash"], line["where"], True)
        if os.path.exists(f"{path}.head"):
            heads = read_lines(f"{path}.head")
            for line in heads:
                if trusted:
                    check_signature(line, trusted)
                # Chains that have ended may have been put away; the last one is there.
                known[line["chain"], line["seq"]] = (line["hash"], line["where"], line is heads[-1])
    if all(os.path.isfile(path) and os.path.getsize(path) == 0 for path in files):
        problems.append("missing: there is no line at all")
    found = {}
    for chain, parts in pieces.items():
        in_order = sorted(parts.values(), key=lambda lines: lines[0]["seq"])
        lines = [line for part in in_order for line in part]
        found[chain] = {line["seq"]: line["hash"] for line in lines}
        last = check_chain(lines, trusted)
        print(f"chain {chain}: {len(lines)} lines, head {chain}:{last['seq']}:{last['hash']}")
    for (chain, seq), (digest, where, strict) in known.items():
        if found.get(chain, {}).get(seq, None if chain in found or strict else digest) != digest:
            wrong(where, f"line {seq} of chain {chain} is not there as it is named")
    for text in problems:
        print(text)
    print("intact" if not problems else f"damaged: {len(problems)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
