"""Reads samples with `cryptography` and PyJWT, and says what each thinks of them: one JSON object a line."""

import ipaddress
import json
import sys
from datetime import datetime, timezone
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

FOLDER = Path(sys.argv[1])
ALGORITHMS = ["ES256", "ES384", "RS256"]


def text(name):
    return (FOLDER / name).read_text()


def certificates(name):
    data = (FOLDER / name).read_bytes()
    return x509.load_pem_x509_certificates(data) if data else []


def names(certificate):
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return {
        "uris": extension.get_values_for_type(x509.UniformResourceIdentifier),
        "dnsNames": extension.get_values_for_type(x509.DNSName),
        "commonName": common[0].value if common else "",
        "notAfter": int(certificate.not_valid_after_utc.timestamp()),
    }


def read_x509(sample):
    leaf, *intermediates = certificates(sample["chain"])
    builder = verification.PolicyBuilder().store(verification.Store(certificates(sample["roots"])))
    builder = builder.time(datetime.now(timezone.utc))
    builder.build_client_verifier().verify(leaf, intermediates)
    subjects = []
    if "host" in sample:
        subjects.append(x509.DNSName(sample["host"]))
    if "address" in sample:
        subjects.append(x509.IPAddress(ipaddress.ip_address(sample["address"])))
    for subject in subjects:
        builder.build_server_verifier(subject).verify(leaf, intermediates)
    return names(leaf)


def key_set(name):
    return jwt.PyJWKSet.from_json(text(name))


def read_token(sample):
    token = text(sample["token"])
    header = jwt.get_unverified_header(token)
    if sample["kind"] == "access-token" and header.get("typ") != "at+jwt":
        raise ValueError(f"the typ is {header.get('typ')}")
    key = next(key for key in key_set(sample["keys"]).keys if key.key_id == header.get("kid"))
    return jwt.decode(
        token,
        key,
        algorithms=ALGORITHMS,
        audience=sample["audience"],
        issuer=sample.get("issuer"),
        options={"require": ["exp", "aud"]},
    )


def read_keys(sample):
    return {"kids": sorted(key.key_id for key in key_set(sample["keys"]).keys)}


READERS = [
    {"reader": "python cryptography", "rules": ["pkix"], "read": {"x509": read_x509}},
    {
        "reader": "pyjwt",
        "rules": ["jwt", "access-token", "keys"],
        "read": {"jwt-svid": read_token, "access-token": read_token, "jwks": read_keys},
    },
]


def say(**line):
    print(json.dumps(line))


for reader in READERS:
    name, read = reader["reader"], reader["read"]
    say(reader=name, rules=reader["rules"], kinds=list(read))
    for sample in json.loads(text("manifest.json"))["samples"]:
        if sample["kind"] not in read:
            continue
        try:
            say(reader=name, sample=sample["name"], accepts=True, facts=read[sample["kind"]](sample))
        except Exception as error:  # Whatever a library raises is a refusal.
            say(reader=name, sample=sample["name"], accepts=False, detail=f"{type(error).__name__}: {error}")
