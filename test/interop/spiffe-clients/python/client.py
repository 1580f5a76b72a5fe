"""A workload that takes its identity from py-spiffe. Commands and events are those of every program of this suite: see the README."""

import hashlib
import json
import logging
import socket
import sys
import threading
import time
import warnings

import grpc
import jwt as pyjwt
from OpenSSL import SSL
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import SubjectAlternativeName
from spiffe import JwtSvid, SpiffeId, WorkloadApiClient, X509Source
from spiffetls import create_ssl_context, dial
from spiffetls.tlsconfig.authorize import authorize_any, authorize_id

# The library's own TLS code uses what the library deprecates, and complains of contexts that it may not change any more.
warnings.simplefilter("ignore", DeprecationWarning)
logging.disable()

output = threading.Lock()


def emit(event, **more):
    with output:
        print(json.dumps({"ts": int(time.time() * 1000), "event": event, **more}), flush=True)


def code_of(error):
    """The number of a gRPC status behind the error, or None."""
    while error is not None:
        if isinstance(error, grpc.Call):
            return error.code().value[0]
        error = error.__cause__
    return None


def attempt(call, do):
    """Runs a call of the library, and prints what it ended with if that is an error."""
    try:
        return do()
    except Exception as error:
        emit("error", call=call, code=code_of(error), message=str(error))
        return None


def svid_fields(svid):
    return {
        "id": str(svid.spiffe_id),
        "serial": format(svid.leaf.serial_number, "x"),
        "notAfter": int(svid.leaf.not_valid_after_utc.timestamp()),
        "hint": "",
        "chain": len(svid.cert_chain),
    }


def x509_bundles(bundle_set):
    def hashes(bundle):
        return [hashlib.sha256(each.public_bytes(Encoding.DER)).hexdigest() for each in bundle.x509_authorities]

    return {bundle.trust_domain.name: hashes(bundle) for bundle in bundle_set.bundles}


def jwt_bundles(bundle_set):
    return {bundle.trust_domain.name: list(bundle.jwt_authorities) for bundle in bundle_set.bundles}


def context_fields(context):
    return {"svids": [svid_fields(each) for each in context.x509_svids], "bundles": x509_bundles(context.x509_bundle_set)}


def token_fields(svid):
    return {
        "id": str(svid.spiffe_id),
        "audience": sorted(svid.audience),
        "exp": svid.expiry,
        "hint": "",
        "token": svid.token,
        "kid": pyjwt.get_unverified_header(svid.token)["kid"],
    }


def each_line():
    for line in sys.stdin:
        yield line.rstrip("\n").split("\t")


def fetch(audience):
    with WorkloadApiClient() as client:
        if svid := attempt("svid", client.fetch_x509_svid):
            emit("svid", **svid_fields(svid))
        if context := attempt("x509", client.fetch_x509_context):
            emit("x509", **context_fields(context))
        if bundles := attempt("x509bundles", client.fetch_x509_bundles):
            emit("x509bundles", bundles=x509_bundles(bundles))
        if bundles := attempt("jwtbundles", client.fetch_jwt_bundles):
            emit("jwtbundles", bundles=jwt_bundles(bundles))
        fetch_tokens(client, audience)
    emit("done")


def fetch_tokens(client, audience, subject=None):
    if tokens := attempt("jwt", lambda: client.fetch_jwt_svids(set(audience), subject)):
        emit("jwt", tokens=[token_fields(each) for each in tokens])


def verdict(by, judge):
    try:
        emit("valid", by=by, id=str(judge().spiffe_id))
    except Exception as error:
        emit("invalid", by=by, code=code_of(error), message=str(error))


def validate(client, audience, token):
    def locally():
        claimed = SpiffeId(pyjwt.decode(token, options={"verify_signature": False})["sub"])
        bundle = client.fetch_jwt_bundles().get_bundle_for_trust_domain(claimed.trust_domain)
        return JwtSvid.parse_and_validate(token, bundle, {audience})

    verdict("agent", lambda: client.validate_jwt_svid(token, audience))
    verdict("local", locally)


def jwt(_):
    with WorkloadApiClient() as client:
        for command, *words in each_line():
            if command == "fetch":
                fetch_tokens(client, words[0].split(","), SpiffeId(words[1]) if len(words) > 1 else None)
            else:
                validate(client, *words)


def watch(_):
    client = attempt("connect", WorkloadApiClient)
    if client is None:
        return
    ended = lambda call: lambda error: emit("ended", call=call, code=code_of(error), message=str(error))
    client.stream_x509_contexts(lambda context: emit("x509", **context_fields(context)), ended("x509"))
    client.stream_jwt_bundles(lambda bundles: emit("jwtbundles", bundles=jwt_bundles(bundles)), ended("jwtbundles"))
    threading.Thread(target=follow, daemon=True).start()
    sys.stdin.read()


def follow():
    source = attempt("source", X509Source)
    if source is None:
        return
    tell = lambda: emit("source", **svid_fields(source.get_x509_context().default_svid))
    source.subscribe_for_updates(tell)
    tell()


def authorizer(name):
    return authorize_any() if name == "any" else authorize_id(SpiffeId(name))


def peer_of(connection):
    return str(connection.get_peer_certificate().to_cryptography().extensions.get_extension_for_class(SubjectAlternativeName).value[0].value)


def read_line(connection):
    text = b""
    while not text.endswith(b"\n"):
        text += connection.recv(1024)
    return text.decode().strip()


def serve(args):
    source = attempt("source", X509Source)
    if source is None:
        return
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    emit("listening", port=listener.getsockname()[1])
    threading.Thread(target=accept, args=(listener, source, authorizer(args[0])), daemon=True).start()
    sys.stdin.read()


def accept(listener, source, authorize):
    """
    The library's `listen` has one context for ever and changes it at every update, which pyOpenSSL 26 does not allow once it was
    used: its servers keep the first certificate. So each update gets a context of its own.
    """
    make = lambda: create_ssl_context(SSL.TLS_SERVER_METHOD, source, authorize)
    newest = [make()]
    source.subscribe_for_updates(lambda: newest.append(make()))
    while True:
        tcp, _ = listener.accept()
        connection = SSL.Connection(newest[-1], tcp)
        connection.set_accept_state()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection):
    try:
        text = read_line(connection)
        emit("accepted", peer=peer_of(connection), text=text)
        connection.sendall(b"hello from python\n")
        connection.shutdown()
    except Exception as error:
        emit("refused", message=repr(error))
    finally:
        connection.close()


def dial_targets(args):
    source = attempt("source", X509Source)
    if source is None:
        return
    if args[0] != "--every":
        dial_all(source, args)
        emit("done")
        return
    threading.Thread(target=dial_for_ever, args=(source, int(args[1]) / 1000, args[2:]), daemon=True).start()
    sys.stdin.read()


def dial_for_ever(source, every, targets):
    while True:
        dial_all(source, targets)
        time.sleep(every)


def dial_all(source, targets):
    for target in targets:
        try:
            greet(source, target)
        except Exception as error:
            emit("refused", target=target, message=repr(error))


def greet(source, target):
    who, port = target.split("@")
    connection = dial(f"127.0.0.1:{port}", source, authorize_fn=authorizer(who))
    try:
        connection.sendall(b"hello from python\n")
        text = read_line(connection)
        serial = format(connection.get_peer_certificate().get_serial_number(), "x")
        emit(
            "connected", target=target, peer=peer_of(connection), text=text, serial=serial,
            protocol=connection.get_protocol_version_name().replace("TLSv", "TLS "),
        )
    finally:
        connection.close()


if __name__ == "__main__":
    commands = {"fetch": fetch, "watch": watch, "jwt": jwt, "serve": serve, "dial": dial_targets}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit("usage: client.py fetch AUDIENCE... | watch | jwt | serve AUTHORIZE | dial [--every MS] AUTHORIZE@PORT...")
    commands[sys.argv[1]](sys.argv[2:])
