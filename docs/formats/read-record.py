"""Opens a data key that Keystead stored under kms://cluster-kms, by docs/formats/wrapped-record.md alone.

    python3 read-record.py KEK_DIR RECORD [VERSION]

KEK_DIR holds the files mastersecret and salt, RECORD is one file out of the store. Prints the key in base64.
Needs the package cryptography.
"""
import base64, hmac, json, struct, sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def expand(prk, info, length):
    okm = block = b''
    while len(okm) < length:
        block = hmac.digest(prk, block + info + bytes([len(okm) // 32 + 1]), 'sha256')
        okm += block
    return okm[:length]


def context_bytes(context):
    pairs = sorted((name.encode(), value.encode()) for name, value in context.items())
    parts = [part for pair in pairs for part in pair]
    return struct.pack('>I', len(parts)) + b''.join(struct.pack('>I', len(part)) + part for part in parts)


def open_record(master_secret, salt, record, wanted=None):
    prk = hmac.digest(salt, master_secret, 'sha256')
    assert record['keystead'] == 1, 'not format 1'
    assert record['versions'], 'purged: no key is left'
    version = next(v for v in reversed(record['versions']) if wanted in (None, v['version']))
    assert version['algorithm'] == 'A256GCM-HKDF-SHA256', 'not wrapped by kms://cluster-kms'
    fingerprint = expand(prk, b'keystead/kek-fingerprint/v1', 16).hex()
    assert version['kekVersion'].split('-')[1] == fingerprint, f'wrapped by another KEK, yours is {fingerprint}'
    context = {'keystead': '1', 'id': record['id'], 'version': str(version['version']), 'length': str(version['length'])}
    sealed = base64.b64decode(version['wrapped'], validate=True)
    assert sealed[0] == 1, 'sealed in another format'
    key = AESGCM(expand(prk, b'keystead/wrap/v1', 32)).decrypt(sealed[1:13], sealed[13:], context_bytes(context))
    assert len(key) == version['length'], 'the key has another length'
    if 'check' in version:
        assert expand(key, b'keystead/check/v1', 16) == base64.b64decode(version['check']), 'the key has another check'
    return key


if __name__ == '__main__':
    kek, record = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_bytes())
    wanted = int(sys.argv[3]) if len(sys.argv) > 3 else None
    key = open_record((kek / 'mastersecret').read_bytes(), (kek / 'salt').read_bytes(), record, wanted)
    print(base64.b64encode(key).decode())
