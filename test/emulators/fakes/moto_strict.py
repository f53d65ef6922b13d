#!/usr/bin/env python3
"""moto server with gaps closed that matter to a key service. Same arguments as moto_server.

What it adds to moto, each as AWS documents it:
  - KMS: a disabled key answers DisabledException, a key pending deletion KMSInvalidStateException
  - KMS: Decrypt with a KeyId that is not the one of the ciphertext answers IncorrectKeyException
  - KMS: a key made without a KeyUsage is one for ENCRYPT_DECRYPT
  - KMS: Encrypt and Decrypt with an asymmetric or a signing key answer InvalidKeyUsageException
  - KMS: a ciphertext that names no key (one that was changed) answers InvalidCiphertextException
  - KMS: an encryption context of more than 8192 characters of JSON answers ValidationException
  - KMS: a key pending deletion cannot be changed, named or deleted once more, and only such a key can be restored
    (KMSInvalidStateException); rotation has a period, and only AWS_KMS symmetric keys have it
  - KMS: ListAliases and ListKeys answer in pages
  - SSM: policies of a parameter are answered as JSON texts, each with its type
  - IAM enforcement: services that speak JSON (KMS, SSM) get their refusals in JSON
    (AccessDeniedException, InvalidSignatureException, UnrecognizedClientException), not in XML
  - IAM enforcement: a trust policy that wants an ExternalId refuses a call without one
  - IAM enforcement: the trust policy of a role in another account is asked too

It wraps functions inside moto, so it belongs to the pinned version in requirements.txt; with another version it may
fail at import, and the tests of the doors tell whether it still does what it says.
"""
import functools
import json

from moto.core.exceptions import JsonRESTError
from moto.iam import access_control
from moto.kms.exceptions import AccessDeniedException, InvalidCiphertextException
from moto.kms.models import KmsBackend
from moto.kms.responses import KmsResponse
from moto.server import main
from moto.ssm.models import Parameter


class KmsError(JsonRESTError):
    code = 400


def check_state(backend, key_id):
    key = backend.keys.get(key_id)
    if key is None:
        return  # moto itself answers NotFoundException
    if key.key_state == "Disabled":
        raise KmsError("DisabledException", f"{key.arn} is disabled.")
    if key.key_state == "PendingDeletion":
        raise KmsError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    if key.key_spec != "SYMMETRIC_DEFAULT" or key.key_usage != "ENCRYPT_DECRYPT":
        raise KmsError("InvalidKeyUsageException", f"{key.arn} key usage is {key.key_usage}, spec {key.key_spec}.")


def check_context(encryption_context):
    if len(json.dumps(encryption_context or {}, ensure_ascii=False)) > 8192:
        raise KmsError("ValidationException", "The encryption context is longer than 8192 characters.")


encrypt, decrypt = KmsBackend.encrypt, KmsBackend.decrypt


@functools.wraps(encrypt)
def strict_encrypt(self, key_id, plaintext, encryption_context):  # GenerateDataKey and ReEncrypt come through here too
    check_context(encryption_context)
    check_state(self, self.any_id_to_key_id(key_id))
    return encrypt(self, key_id, plaintext, encryption_context)


@functools.wraps(decrypt)
def strict_decrypt(self, ciphertext_blob, encryption_context, key_id=None):
    check_context(encryption_context)
    if key_id is not None:
        check_state(self, self.any_id_to_key_id(key_id))
    try:
        plaintext, arn = decrypt(self, ciphertext_blob, encryption_context)
    except AccessDeniedException:
        raise InvalidCiphertextException()
    actual = arn.rsplit("/", 1)[-1]
    if key_id is not None and self.any_id_to_key_id(key_id) != actual:
        raise KmsError("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
    check_state(self, actual)
    return plaintext, arn


create_key = KmsBackend.create_key


@functools.wraps(create_key)
def strict_create_key(self, policy, key_usage, *args, **kwargs):
    return create_key(self, policy, key_usage or "ENCRYPT_DECRYPT", *args, **kwargs)


# ---------------------------------------------------------------------------------------- looking after keys
def guarded(name, allowed):
    original = getattr(KmsResponse, name)

    @functools.wraps(original)
    def guard(self):
        given = self._get_param("TargetKeyId") or self._get_param("KeyId")
        key = self.kms_backend.keys.get(self.kms_backend.any_id_to_key_id(given)) if given else None
        if key is not None and not allowed(key):
            raise KmsError("KMSInvalidStateException", f"{key.arn} is {words(key.key_state)}.")
        return original(self)

    setattr(KmsResponse, name, guard)


def words(state):
    return {"PendingDeletion": "pending deletion", "PendingImport": "pending import"}.get(state, state.lower())


for method in ("create_alias", "disable_key", "enable_key", "put_key_policy", "tag_resource", "untag_resource",
               "update_key_description", "schedule_key_deletion", "enable_key_rotation", "disable_key_rotation"):
    guarded(method, lambda key: key.key_state != "PendingDeletion")
for method in ("enable_key", "disable_key"):
    guarded(method, lambda key: key.key_state != "PendingImport")
guarded("cancel_key_deletion", lambda key: key.key_state == "PendingDeletion")

enable_key_rotation = KmsResponse.enable_key_rotation


def strict_enable_rotation(self):
    days = self._get_param("RotationPeriodInDays") or 365
    if not 90 <= days <= 2560:
        raise KmsError("ValidationException", "RotationPeriodInDays must be between 90 and 2560.")
    key = self.kms_backend.keys.get(self.kms_backend.any_id_to_key_id(self._get_param("KeyId")))
    if key is not None and (key.key_spec != "SYMMETRIC_DEFAULT" or key.origin != "AWS_KMS"):
        raise KmsError("UnsupportedOperationException", f"{key.arn} cannot be rotated.")
    answer = enable_key_rotation(self)
    if key is not None:
        key.rotation_days = days
    return answer


get_key_rotation_status = KmsResponse.get_key_rotation_status


def strict_rotation_status(self):
    answer = json.loads(get_key_rotation_status(self))
    key = self.kms_backend.keys[self.kms_backend.any_id_to_key_id(self._get_param("KeyId"))]
    if answer["KeyRotationEnabled"]:
        answer["RotationPeriodInDays"] = getattr(key, "rotation_days", 365)
    return json.dumps(answer)


KmsResponse.enable_key_rotation, KmsResponse.get_key_rotation_status = strict_enable_rotation, strict_rotation_status


def paged(name, field, default):
    original = getattr(KmsResponse, name)

    @functools.wraps(original)
    def page(self):
        answer = json.loads(original(self))
        start, limit = int(self._get_param("Marker") or 0), self._get_param("Limit") or default
        every = answer[field]
        answer.update({field: every[start:start + limit], "Truncated": start + limit < len(every)})
        answer["NextMarker"] = str(start + limit) if answer["Truncated"] else None
        return json.dumps(answer)

    setattr(KmsResponse, name, page)


paged("list_aliases", "Aliases", 50)
paged("list_keys", "Keys", 100)

KmsBackend.encrypt, KmsBackend.decrypt, KmsBackend.create_key = strict_encrypt, strict_decrypt, strict_create_key


def refuse_in_json(name, error_type, message):
    original = getattr(access_control.IAMRequest, name)

    @functools.wraps(original)
    def refuse(self, *args, **kwargs):
        if any(h.lower() == "x-amz-target" for h, _ in self._headers.items()):
            raise KmsError(error_type, message(self))
        return original(self, *args, **kwargs)

    setattr(access_control.IAMRequest, name, refuse)


refuse_in_json("_raise_access_denied", "AccessDeniedException",
               lambda r: f"User: {r._access_key.arn} is not authorized to perform: {r._action}")
refuse_in_json("_raise_signature_does_not_match", "InvalidSignatureException",
               lambda r: "The request signature we calculated does not match the signature you provided.")
refuse_in_json("_raise_invalid_access_key", "UnrecognizedClientException",
               lambda r: "The security token included in the request is invalid.")



def in_account_of_role(name):
    """moto looks for the role in the account of who asks, and trusts everybody where it is in another one."""
    original = getattr(access_control.IAMRequestBase, name)

    @functools.wraps(original)
    def check(self, role_arn):
        own, parts = self.account_id, role_arn.split(":")
        self.account_id = parts[4] if len(parts) > 4 and parts[4] else own
        try:
            return original(self, role_arn)
        finally:
            self.account_id = own

    setattr(access_control.IAMRequestBase, name, check)


in_account_of_role("_is_assuming_role_operation")
in_account_of_role("_check_role_trust_relationship")

check_conditions = access_control.IAMPolicyStatement._check_conditions


@functools.wraps(check_conditions)
def strict_conditions(self, incoming):
    for operator, pairs in (self._statement.get("Condition") or {}).items():
        if operator == "StringEquals" and "sts:ExternalId" in pairs and not (incoming or {}).get("sts:ExternalId"):
            return False
    return check_conditions(self, incoming)


access_control.IAMPolicyStatement._check_conditions = strict_conditions


# ---------------------------------------------------------------------------------------- parameters
describe_parameter = Parameter.describe_response_object


@functools.wraps(describe_parameter)
def strict_describe_parameter(self, *args, **kwargs):
    answer = describe_parameter(self, *args, **kwargs)
    for entry in answer.get("Policies", []):
        policy = entry["PolicyText"]
        entry.update(PolicyText=json.dumps(policy), PolicyType=policy["Type"], PolicyStatus="Pending")
    return answer


Parameter.describe_response_object = strict_describe_parameter

if __name__ == "__main__":
    main()
