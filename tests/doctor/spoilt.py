"""Files that a configuration names, spoilt one by one, as they are found in the field; and how that must be told."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from pandad.embedded.pki import Authority, SandboxPki
from pandad.embedded.proxies import make_proxy, new_rsa_key, pem_of, write_private

DAY = timedelta(days=1)
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Scene:
    """A good configuration in a folder, to be spoilt."""

    folder: Path
    pki: SandboxPki

    @property
    def file(self) -> Path:
        return self.folder / "pandad.toml"

    @property
    def certificates(self) -> Path:
        return self.folder / "pki" / "certificates"

    def say(self, old: str, new: str) -> Scene:
        """Change the configuration."""
        text = self.file.read_text()
        assert text.count(old) == 1, old
        self.file.write_text(text.replace(old, new))
        return self

    def host(self, *names: str, begins: timedelta = timedelta(), lasts: timedelta = 300 * DAY,
             authority: Authority | None = None) -> None:
        """Another host certificate, with its key."""
        made = (authority or self.pki.authority).issue_host(names or ("localhost",), NOW + begins, lasts)
        self.put("pki/hostkey.pem", pem_of(made.key))
        self.put("pki/hostcert.pem", pem_of(made.certificate), 0o644)

    def authority(self, begins: timedelta) -> Authority:
        """One more in the folder; it lasts ten years from then."""
        made = Authority.create("/DC=org/DC=other/CN=Other CA", NOW + begins)
        made.install(self.certificates, "/DC=org/DC=other/*")
        made.install_revocations(self.certificates, made.revocation_list(NOW, lifetime=100 * DAY))
        return made

    def revocations(self, begins: timedelta, lasts: timedelta) -> Scene:
        """Another list of the authority."""
        authority = self.pki.authority
        authority.install_revocations(self.certificates, authority.revocation_list(NOW + begins, lifetime=lasts))
        return self

    def links(self, pattern: str) -> list[Path]:
        """Files of the folder of authorities."""
        return sorted(self.certificates.glob(pattern))

    def put(self, name: str, content: bytes | str, mode: int = 0o600) -> Path:
        """A file, whatever was there."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        write_private(path, content.encode() if isinstance(content, str) else content, mode)
        path.chmod(mode)  # whatever the umask is
        return path


@dataclass(frozen=True)
class Spoilt:
    """``fault``: what must be found; ``key``: where; ``words``: in what is said."""

    name: str
    spoil: Callable[[Scene], object]
    fault: str
    key: str
    words: str


def _weak(scene: Scene) -> None:
    key = rsa.generate_private_key(65537, 1024)
    good = x509.load_pem_x509_certificate((scene.folder / "pki/hostcert.pem").read_bytes())
    builder = (x509.CertificateBuilder().subject_name(good.subject).issuer_name(good.issuer).public_key(key.public_key())
               .serial_number(7).not_valid_before(NOW - DAY).not_valid_after(NOW + 99 * DAY)
               .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False))
    signer = scene.pki.authority.key
    scene.put("pki/hostcert.pem", pem_of(builder.sign(signer, hashes.SHA256())), 0o644)
    scene.put("pki/hostkey.pem", pem_of(key))


def _der(scene: Scene) -> None:
    good = x509.load_pem_x509_certificate((scene.folder / "pki/hostcert.pem").read_bytes())
    scene.put("pki/hostcert.pem", good.public_bytes(Encoding.DER), 0o644)


def _user(scene: Scene) -> None:
    alice = scene.pki.users["alice"]
    scene.put("pki/hostcert.pem", pem_of(alice.certificate), 0o644)
    scene.put("pki/hostkey.pem", pem_of(alice.key))


def _encrypted(scene: Scene) -> None:
    key = serialization.load_pem_private_key((scene.folder / "pki/hostkey.pem").read_bytes(), None)
    scene.put("pki/hostkey.pem", key.private_bytes(
        Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")))


def _without_links(scene: Scene) -> None:
    for link in scene.links("*.0"):
        link.rename(scene.certificates / f"ca-{link.stem}.pem")


def _wrong_link(scene: Scene) -> None:
    first, *others = scene.links("*.0")
    names = {first.stem, *(other.stem for other in others)}
    for name in names:
        for file in scene.links(f"{name}.*"):
            if file.suffix == ".0" and name != first.stem:
                file.unlink()
            else:
                file.rename(file.with_name(file.name.replace(name, f"0{first.stem[1:]}" if name == first.stem else name)))


def _remove(pattern: str) -> Callable[[Scene], None]:
    def spoil(scene: Scene) -> None:
        for file in scene.links(pattern):
            file.unlink()
    return spoil


def _fill(pattern: str, text: str) -> Callable[[Scene], None]:
    def spoil(scene: Scene) -> None:
        for file in scene.links(pattern):
            file.write_text(text)
    return spoil


def _foreign_list(scene: Scene) -> None:
    other = Authority.create("/DC=org/DC=other/CN=Other CA", NOW)
    scene.pki.authority.install_revocations(scene.certificates, other.revocation_list(NOW, lifetime=99 * DAY))


def _no_patterns(scene: Scene) -> None:
    for file in scene.links("*.signing_policy"):
        file.write_text(file.read_text().splitlines()[0] + "\n")


def _unknown_issuer(scene: Scene) -> None:
    scene.host(authority=Authority.create("/DC=org/DC=other/CN=Other CA", NOW))


def _tokens(line: str) -> Callable[[Scene], Scene]:
    return lambda scene: scene.say("refresh_s = 600\nkeep_s", f"{line}\nrefresh_s = 600\nkeep_s")


def _auth_folder(content: str | None, name: str = "cms_auth_config.json") -> Callable[[Scene], None]:
    def spoil(scene: Scene) -> None:
        (scene.folder / "auth").mkdir()
        if content is not None:
            (scene.folder / "auth" / name).write_text(content)
        _tokens('auth_config_directory = "auth"')(scene)
    return spoil


def _second_issuer(scene: Scene) -> None:
    scene.say("[secrets]", '[tokens.issuers.again]\nissuer = "https://iam.example.org/"\nvo = "sandbox"\n'
              'audience = ["https://panda.example.org"]\n\n[secrets]')


def _beyond(scene: Scene, old: str = "", new: str = "") -> Scene:
    """Reachable from other hosts; with a certificate for this one."""
    scene.say('interface = "127.0.0.1"', 'interface = ""')
    scene.host(socket.getfqdn())
    return scene.say(old, new) if old else scene


def _rucio(line: str, url: str = "https://rucio.example.org") -> Callable[[Scene], Scene]:
    def spoil(scene: Scene) -> Scene:
        scene.say('backend = "local"', 'backend = "rucio"')
        return scene.say('account = "panda"', f'account = "panda"\nurl = "{url}"\n{line}')
    return spoil


def _proxy(content: Callable[[Scene], bytes]) -> Callable[[Scene], None]:
    def spoil(scene: Scene) -> None:
        scene.put("proxy", content(scene))
        _rucio('auth_type = "x509_proxy"\nproxy_file = "proxy"')(scene)
    return spoil


def _short_proxy(scene: Scene) -> bytes:
    return make_proxy(scene.pki.users["prod"], NOW, lifetime=timedelta(hours=1)).pem()


def _ended_token(scene: Scene) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": int((NOW - DAY).timestamp())}).encode()).decode().rstrip("=")
    scene.put("token", f"e30.{claims}.c2ln")
    _rucio('auth_type = "oidc"\ntoken_file = "token"')(scene)


def _open_folder(scene: Scene) -> None:
    (scene.folder / "pki").chmod(0o777)


def _password(scene: Scene) -> None:
    scene.say("dbname=pandad", "dbname=pandad password=hush")
    scene.file.chmod(0o644)


def _credential(scene: Scene) -> None:
    scene.put("cric.pem", _short_proxy(scene))
    scene.say('source = "' + str(scene.folder), 'credential = "cric.pem"\nlinks_source = "https://cric.example.org/"\nsource = "'
              + str(scene.folder))


def _nobody(scene: Scene) -> None:
    text = scene.file.read_text()
    for old in ('\n    "/DC=org/DC=pandad/CN=pilot",\n    "/sandbox/Role=pilot",\n', 'vos = ["sandbox"]\n',
                'admin = ["1234-5678 from https://iam.example.org/"]\n'):
        text = text.replace(old, "")
    begins, ends = text.index("[tokens.issuers.iam]"), text.index("[secrets]")
    scene.file.write_text(text[:begins] + text[ends:])


def _many_authorities(scene: Scene) -> None:
    for name in ("One", "Two"):
        made = Authority.create(f"/DC=org/DC=other/CN={name} CA", NOW)
        made.install(scene.certificates, "/DC=org/DC=other/*")
        made.install_revocations(scene.certificates, made.revocation_list(NOW, lifetime=100 * DAY))


S = Spoilt
CERTIFICATE, KEY, FOLDER = "tls.host_certificate", "tls.host_key", "tls.ca_directory"

HOST = (
    S("no certificate", lambda s: (s.folder / "pki/hostcert.pem").unlink(), "configuration", CERTIFICATE, "put it there"),
    S("empty certificate", lambda s: s.put("pki/hostcert.pem", ""), "host-certificate-unusable", CERTIFICATE, "is empty"),
    S("key as certificate", lambda s: s.put("pki/hostcert.pem", (s.folder / "pki/hostkey.pem").read_bytes()),
      "host-certificate-unusable", CERTIFICATE, "has a key, and no certificate"),
    S("DER", _der, "host-certificate-unusable", CERTIFICATE, "openssl x509 -inform DER"),
    S("expired", lambda s: s.host(begins=-99 * DAY, lasts=98 * DAY), "host-certificate-ended", CERTIFICATE,
      "systemctl reload pandad"),
    S("ends soon", lambda s: s.host(lasts=3 * DAY), "host-certificate-ends", CERTIFICATE, "systemctl reload pandad"),
    S("not yet valid", lambda s: s.host(begins=2 * DAY), "host-certificate-early", CERTIFICATE, "timedatectl"),
    S("other name", lambda s: s.host("panda.example.org"), "host-certificate-name", CERTIFICATE, "DNS:localhost"),
    S("of a user", _user, "host-certificate-purpose", CERTIFICATE, "not a user's"),
    S("weak", _weak, "host-certificate-weak", CERTIFICATE, "2048"),
    S("unknown issuer", _unknown_issuer, "host-chain-incomplete", CERTIFICATE, "append the certificates"),
    S("no key", lambda s: (s.folder / "pki/hostkey.pem").unlink(), "configuration", KEY, "put it there"),
    S("key for others", lambda s: (s.folder / "pki/hostkey.pem").chmod(0o644), "configuration", KEY, "chmod 0400"),
    S("key in an open folder", _open_folder, "configuration", KEY, "chmod o-w"),
    S("certificate as key", lambda s: s.put("pki/hostkey.pem", (s.folder / "pki/hostcert.pem").read_bytes()),
      "host-key-unusable", KEY, "has a certificate, and no key"),
    S("encrypted key", _encrypted, "host-key-encrypted", KEY, "openssl pkey"),
    S("other key", lambda s: s.put("pki/hostkey.pem", pem_of(new_rsa_key())), "host-key-other", KEY, "requested with"),
)

AUTHORITIES = (
    S("no folder", lambda s: s.certificates.rename(s.folder / "elsewhere"), "configuration", FOLDER, "make it"),
    S("empty folder", _remove("*"), "ca-folder-empty", FOLDER, "CA bundle"),
    S("no hash links", _without_links, "ca-folder-without-links", FOLDER, "openssl rehash"),
    S("wrong hash", _wrong_link, "ca-link-wrong", FOLDER, "openssl rehash"),
    S("garbage authority", lambda s: (s.certificates / "0123abcd.0").write_text("x"), "ca-unreadable", FOLDER, "0123abcd.0"),
    S("authority expired", lambda s: s.authority(-4000 * DAY), "ca-ended", FOLDER, "CA bundle"),
    S("authority ends", lambda s: s.authority(-3645 * DAY), "ca-ends", FOLDER, "CA bundle"),
    S("no CRL", _remove("*.r0"), "crl-missing", FOLDER, "fetch-crl"),
    S("CRL expired", lambda s: s.revocations(-9 * DAY, 8 * DAY), "crl-ended", FOLDER, "fetch-crl"),
    S("CRL expired, and accepted", lambda s: (s.revocations(-9 * DAY, 8 * DAY), s.say("accept_expired_crl = false",
      "accept_expired_crl = true")), "crl-ended-accepted", FOLDER, "fetch-crl"),
    S("CRL ends", lambda s: s.revocations(-9 * DAY, 10 * DAY), "crl-ends", FOLDER, "fetch-crl"),
    S("CRL of another", _foreign_list, "crl-of-another", FOLDER, "fetch-crl"),
    S("garbage CRL", _fill("*.r0", "x"), "crl-unreadable", FOLDER, "fetch-crl"),
    S("no policy", _remove("*.signing_policy"), "signing-policy-missing", FOLDER, ".signing_policy"),
    S("policy for nobody", _no_patterns, "signing-policy-empty", FOLDER, "again"),
)

OTHERS = (
    S("nobody is pilot", _nobody, "nobody-is-pilot", "identity.pilot", "robot"),
    S("many authorities", _many_authorities, "dn-of-any-ca", "identity.pilot[1]", '"/DC=org/DC=pandad/CN=pilot from CA"'),
    S("Rucio without https", lambda s: (_beyond(s), s.put("password", "x"), _rucio('username = "p"\npassword_file = "password"',
      "http://localhost:1")(s)), "rucio-without-https", "dataservice.rucio.url", "https address"),
    S("VO without servers", lambda s: (s.folder / "vomsdir/cms").mkdir(), "vomsdir-vo-empty", "tls.vomsdir", ".lsc files"),
    S("empty lsc", lambda s: (s.folder / "vomsdir/sandbox/x.lsc").write_text(""), "lsc-unusable", "tls.vomsdir", "first line"),
    S("lsc in another form", lambda s: (s.folder / "vomsdir/sandbox/x.lsc").write_text("CN=v,DC=org\nCN=CA,DC=org\n"),
      "lsc-name", "tls.vomsdir", "/DC=org"),
    S("no auth_config", _auth_folder(None), "auth-config-none", "tokens.auth_config_directory", "_auth_config.json"),
    S("bad auth_config", _auth_folder("{"), "auth-config-unusable", "tokens.auth_config_directory", "is not JSON"),
    S("auth_config without issuer", _auth_folder("{}"), "auth-config-unusable", "tokens.auth_config_directory", "cms"),
    S("issuers' CA", lambda s: (s.put("iam.pem", "x"), _tokens('ca_file = "iam.pem"')(s)), "issuers-ca-unusable",
      "tokens.ca_file",
      "PEM"),
    S("issuer without https", lambda s: _beyond(s, "[secrets]",
      '[tokens.issuers.here]\nissuer = "http://localhost:8"\nvo = "sandbox"\n'
      'audience = ["x"]\n\n[secrets]'), "issuer-without-https", "tokens.issuers.here", "https address"),
    S("everybody", lambda s: s.say('vo = "sandbox"', 'vo = "sandbox"\nmembers_only = false'), "issuer-everybody",
      "tokens.issuers.iam",
      "members_only = true"),
    S("issuer twice", _second_issuer, "issuer-twice", "tokens.issuers.again", "leave one"),
    S("no key of secrets", lambda s: (s.folder / "secrets.key").unlink(), "configuration", "secrets.key_file", "put it there"),
    S("key of secrets for others", lambda s: (s.folder / "secrets.key").chmod(0o440), "configuration", "secrets.key_file",
      "chmod"),
    S("short key of secrets", lambda s: s.put("secrets.key", "aGVsbG8=\n"), "secrets-key-unusable", "secrets.key_file",
      "openssl rand -base64 32"),
    S("no key in it", lambda s: s.put("secrets.key", "# none\n"), "secrets-key-unusable", "secrets.key_file", "has no key"),
    S("no source of queues", lambda s: (s.folder / "queues.json").unlink(), "queues-source-missing", "queues.source", "readable"),
    S("sources' CA", lambda s: (s.put("cric-ca.pem", "x"), s.say("[queues]",
      '[queues]\nlinks_source = "https://cric.example.org/"\n'
      'authorities = "cric-ca.pem"')), "queues-authorities-unusable", "queues.authorities", "PEM"),
    S("credential for sources ends", _credential, "queues-credential-ends", "queues.credential", "renew"),
    S("no endpoint", lambda s: s.say('DISK = "disk"', ""), "no-endpoint", "dataservice.endpoints", 'NAME = "/folder"'),
    S("endpoint away", lambda s: (s.folder / "disk").rmdir(), "configuration", "dataservice.endpoints.DISK", "make it"),
    S("Rucio's password", lambda s: (s.put("password", "\n"), _rucio('username = "p"\npassword_file = "password"')(s)),
      "rucio-credential-unusable", "dataservice.rucio.password_file", "one line"),
    S("no proxy", _proxy(lambda s: b"x"), "rucio-credential-unusable", "dataservice.rucio.proxy_file", "PEM"),
    S("proxy ends", _proxy(_short_proxy), "rucio-credential-ends", "dataservice.rucio.proxy_file", "renew"),
    S("token ended", _ended_token, "rucio-credential-ends", "dataservice.rucio.token_file", "renew"),
    S("password in the DSN", _password, "configuration", "database.dsn", "~/.pgpass"),
    S("log elsewhere", lambda s: s.say('format = "auto"', 'format = "auto"\nfile = "nowhere/pandad.log"'), "configuration",
      "log.file",
      "write in"),
    S("console in an open folder", lambda s: (s.folder / "run").chmod(0o777), "configuration", "console.socket", "chmod o-w"),
    S("operators' keys", lambda s: (s.put("keys", "", 0o666), s.say("python = false",
      'ssh_operators = "keys"\nssh_port = 2222\n'
      'ssh_host_key = "run/key"')), "configuration", "console.ssh_operators", "chmod go-w"),
)

FILES = (*HOST, *AUTHORITIES, *OTHERS)
