"""Opens a data key that Keystead stored, by docs/formats/wrapped-record.md alone.

    python3 read-record.py RECORD [VERSION]

RECORD is one file out of the store. Prints the key in base64. Needs the package cryptography, and of the KEK:
kms://cluster-kms  the folder KEYSTEAD_KEK_DIR with the files mastersecret and salt
kms://aws          the package boto3, with credentials and region as it finds them
kms://gcp          an access token in GCP_TOKEN; GCP_KMS in place of https://cloudkms.googleapis.com
kms://azure        an access token in AZURE_TOKEN
"""
import base64, hashlib, hmac, json, os, re, struct, sys
from pathlib import Path
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def expand(prk, info, length):
    return hmac.digest(prk, info + b'\x01', 'sha256')[:length]


def b64(data):
    return base64.b64encode(data).decode()


def list_bytes(parts):
    return struct.pack('>I', len(parts)) + b''.join(struct.pack('>I', len(part)) + part for part in parts)


def list_of(data):
    parts, at = [], 4
    for _ in range(struct.unpack_from('>I', data)[0]):
        end = at + 4 + struct.unpack_from('>I', data, at)[0]
        parts, at = parts + [data[at + 4:end]], end
    assert at == len(data), 'not a list'
    return parts


def context_bytes(context):
    return list_bytes([text.encode() for pair in sorted(context.items()) for text in pair])


def open_sealed(key, sealed, context):
    assert sealed[0] == 1, 'sealed in another format'
    return AESGCM(key).decrypt(sealed[1:13], sealed[13:], context_bytes(context))


def post(url, token, body):
    headers = {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json'}
    return json.load(urlopen(Request(url, json.dumps(body).encode(), headers)))


def by_cluster(version, wrapped, context):
    secret, salt = ((Path(os.environ['KEYSTEAD_KEK_DIR']) / name).read_bytes() for name in ('mastersecret', 'salt'))
    prk = hmac.digest(salt, secret, 'sha256')
    fingerprint = expand(prk, b'keystead/kek-fingerprint/v1', 16).hex()
    assert version['kekVersion'].split('-')[1] == fingerprint, f'wrapped by another KEK, yours is {fingerprint}'
    return open_sealed(expand(prk, b'keystead/wrap/v1', 32), wrapped, context)


def by_aws(version, wrapped, context):
    import boto3
    bound = {}
    for name, text in context.items():
        if re.fullmatch('[ -~]{1,1024}', text): bound[name] = text
        else: bound[name + 'Sha256'] = hashlib.sha256(text.encode()).hexdigest()
    arn = version['kekVersion']
    kms = boto3.client('kms', region_name=arn.split(':')[3])
    return kms.decrypt(KeyId=arn, CiphertextBlob=wrapped, EncryptionContext=bound)['Plaintext']


def by_gcp(version, wrapped, context):
    of = {name: values[0] for name, values in parse_qs(version['kek'].split('?')[1]).items()}
    key = 'projects/{projectID}/locations/{location}/keyRings/{keyRing}/cryptoKeys/{keyName}'.format(**of)
    url = f"{os.environ.get('GCP_KMS', 'https://cloudkms.googleapis.com')}/v1/{key}:decrypt"
    body = {'ciphertext': b64(wrapped), 'additionalAuthenticatedData': b64(context_bytes(context))}
    return base64.b64decode(post(url, os.environ['GCP_TOKEN'], body)['plaintext'])


def by_azure(version, wrapped, context):
    value = base64.urlsafe_b64encode(wrapped).decode().rstrip('=')
    body = {'alg': version['algorithm'][len('azure-'):-len('+aes-256-gcm')].upper(), 'value': value}
    url = f"{version['kekVersion']}/unwrapkey?api-version=7.4"
    return base64.urlsafe_b64decode(post(url, os.environ['AZURE_TOKEN'], body)['value'] + '==')


UNWRAP = {'A256GCM-HKDF-SHA256': by_cluster, 'aws-kms': by_aws, 'gcp-kms': by_gcp}


def unwrap(version, context):
    algorithm, wrapped = version['algorithm'], base64.b64decode(version['wrapped'], validate=True)
    if not algorithm.endswith('+aes-256-gcm'): return UNWRAP[algorithm](version, wrapped, context)
    content_key, sealed = list_of(wrapped)
    by = by_aws if algorithm.startswith('aws-') else by_azure
    return open_sealed(by(version, content_key, context), sealed, context)


def open_record(record, wanted=None):
    assert record['keystead'] == 1, 'not format 1'
    assert record['versions'], 'purged: no key is left'
    version = next(v for v in reversed(record['versions']) if wanted in (None, v['version']))
    context = {'keystead': '1', 'id': record['id'], 'version': str(version['version']), 'length': str(version['length'])}
    key = unwrap(version, context)
    assert len(key) == version['length'], 'the key has another length'
    if 'check' in version:
        assert expand(key, b'keystead/check/v1', 16) == base64.b64decode(version['check']), 'the key has another check'
    return key


if __name__ == '__main__':
    record = json.loads(Path(sys.argv[1]).read_bytes())
    print(b64(open_record(record, int(sys.argv[2]) if len(sys.argv) > 2 else None)))
