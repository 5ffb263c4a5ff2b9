//! What a listener agrees to in a TLS handshake: first messages written byte by byte, as old and careless clients and
//! scanners send them, which no TLS library of today would.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::*;
use crate::identity::{authority, council, stopped};

const TLS13: u16 = 0x0304;
const TLS12: u16 = 0x0303;
const TLS11: u16 = 0x0302;
const TLS10: u16 = 0x0301;
const SSL3: u16 = 0x0300;

/// Alerts (RFC 8446 §6).
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;

/// Curves and their like (RFC 8446 §4.2.7).
const P256: u16 = 23;
const P384: u16 = 24;
const X25519: u16 = 29;
/// Signatures (RFC 8446 §4.2.3): ECDSA on P-256 with SHA-256, which the listener's key can make.
const ECDSA_SHA256: u16 = 0x0403;

/// A ClientHello.
struct Hello<'a> {
    /// The version that it has always had, which since TLS 1.3 is another's.
    version: u16,
    /// `supported_versions`, where it has it.
    versions: &'a [u16],
    suites: &'a [u16],
    groups: &'a [u16],
    signatures: &'a [u16],
    compressions: &'a [u8],
}

/// One that TLS 1.2 agrees to.
const GOOD: Hello<'_> = Hello {
    version: TLS12,
    versions: &[],
    suites: &[0xc02b],
    groups: &[X25519, P256],
    signatures: &[ECDSA_SHA256],
    compressions: &[0],
};

/// One that TLS 1.3 agrees to.
const GOOD_13: Hello<'_> = Hello {
    versions: &[TLS13],
    suites: &[0x1301],
    ..GOOD
};

fn pairs(numbers: &[u16]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect()
}

/// `bytes` after their number in two bytes.
fn counted(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes()[..], bytes].concat()
}

/// `bytes` after their number in one byte.
fn short(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

impl Hello<'_> {
    /// The record that it is sent in.
    fn record(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        let mut extension = |kind: u16, body: &[u8]| {
            extensions.extend(kind.to_be_bytes());
            extensions.extend(counted(body));
        };
        extension(10, &counted(&pairs(self.groups)));
        extension(11, &short(&[0]));
        if !self.signatures.is_empty() {
            extension(13, &counted(&pairs(self.signatures)));
        }
        extension(23, &[]);
        if !self.versions.is_empty() {
            extension(43, &short(&pairs(self.versions)));
            // A share of the first group; nothing is derived from it here. Points of NIST's curves would have to be on
            // them, so of these none is sent.
            let share = match self.groups.first() {
                Some(&X25519) => [&pairs(&[X25519])[..], &counted(&[9; 32])].concat(),
                Some(_) | None => Vec::new(),
            };
            extension(51, &counted(&share));
        }
        let body = [
            &pairs(&[self.version])[..],
            &[7; 32],
            &short(&[1; 32]),
            &counted(&pairs(self.suites)),
            &short(self.compressions),
            &counted(&extensions),
        ]
        .concat();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let message = [&[1], &length[1..], &body].concat();
        [&[22, 3, 1], &counted(&message)[..]].concat()
    }
}

/// What a listener says first to a client.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// ServerHello with this version, suite and compression.
    Hello(u16, u16, u8),
    /// An alert that ends the connection.
    Alert(u8),
    /// Nothing: the connection ended.
    End,
}

async fn said(council: &Council, sent: &[u8]) -> Said {
    let asking = async {
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut head = [0; 5];
        if stream.read_exact(&mut head).await.is_err() {
            return Said::End;
        }
        let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut body).await.unwrap();
        if head[0] == 21 {
            assert_eq!(body[0], 2, "it is fatal");
            let mut rest = Vec::new();
            drop(stream.read_to_end(&mut rest).await);
            assert!(rest.is_empty(), "nothing follows it");
            return Said::Alert(body[1]);
        }
        assert_eq!((head[0], body[0]), (22, 2), "it is a ServerHello");
        let (random, rest) = body[6..].split_at(32);
        assert_ne!(random, [7; 32]);
        let rest = &rest[1 + usize::from(rest[0])..];
        Said::Hello(
            u16::from_be_bytes([body[4], body[5]]),
            u16::from_be_bytes([rest[0], rest[1]]),
            rest[2],
        )
    };
    tokio::time::timeout(HANG, asking)
        .await
        .expect("the listener says something")
}

/// An SSL 2.0 CLIENT-HELLO with its seven ciphers.
fn ssl2() -> Vec<u8> {
    let ciphers: Vec<u8> = (1..=7).flat_map(|cipher| [cipher, 0, 0x80]).collect();
    let body = [&[1, 0, 2, 0, 21, 0, 0, 0, 16][..], &ciphers, &[5; 16]].concat();
    [&[0x80, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}

#[test]
fn no_old_version_weak_suite_or_weak_curve_is_agreed_to_with_certificates_of_partners_or_without() {
    run(async {
        let partners = authority();
        let by_name = "certificates: [{ san: api.island-health.example }]".to_owned();
        let by_key = format!("api_keys: [{{ name: k, sha256: {} }}]", hash(HEALTH_KEY));
        for (identify, client_ca) in [(by_name, Some(&partners)), (by_key, None)] {
            let (council, service, _own) = council(identify, client_ca).await;
            let old = |version| Hello {
                version,
                suites: &[0xc009, 0xc00a, 0xc013, 0x002f, 0x0035, 0x000a],
                ..GOOD
            };
            let suites = |suites| Hello { suites, ..GOOD };
            let groups = |groups| Hello { groups, ..GOOD };
            let rows = [
                ("SSL 3.0", old(SSL3), PROTOCOL_VERSION),
                ("TLS 1.0", old(TLS10), PROTOCOL_VERSION),
                ("TLS 1.1", old(TLS11), PROTOCOL_VERSION),
                // As its own clients say it, who knew no signatures to choose from; to them this alert comes first.
                (
                    "TLS 1.1 without signatures",
                    Hello {
                        signatures: &[],
                        ..old(TLS11)
                    },
                    HANDSHAKE_FAILURE,
                ),
                (
                    "TLS 1.1 as a version among others",
                    Hello {
                        versions: &[TLS11, TLS10, SSL3],
                        ..GOOD
                    },
                    PROTOCOL_VERSION,
                ),
                (
                    "a draft of TLS 1.3",
                    Hello {
                        versions: &[0x7f1c],
                        ..GOOD_13
                    },
                    PROTOCOL_VERSION,
                ),
                (
                    "CBC with forward secrecy",
                    suites(&[0xc009, 0xc00a, 0xc023, 0xc024][..]),
                    HANDSHAKE_FAILURE,
                ),
                (
                    "RSA key transport",
                    suites(&[0x009c, 0x009d, 0x002f, 0x0035, 0x003c]),
                    HANDSHAKE_FAILURE,
                ),
                (
                    "finite-field Diffie-Hellman",
                    suites(&[0x009e, 0x009f, 0x0033, 0x0039]),
                    HANDSHAKE_FAILURE,
                ),
                ("3DES", suites(&[0x000a, 0x0016, 0xc008]), HANDSHAKE_FAILURE),
                ("RC4", suites(&[0x0004, 0x0005, 0xc007]), HANDSHAKE_FAILURE),
                (
                    "no encryption",
                    suites(&[0x0000, 0x0001, 0x003b, 0xc006]),
                    HANDSHAKE_FAILURE,
                ),
                (
                    "nobody's key",
                    suites(&[0x0018, 0x00a6, 0xc015, 0xc018]),
                    HANDSHAKE_FAILURE,
                ),
                ("export", suites(&[0x0003, 0x0008]), HANDSHAKE_FAILURE),
                (
                    "CCM with a short tag",
                    suites(&[0xc0ae, 0xc0af]),
                    HANDSHAKE_FAILURE,
                ),
                ("a shared key", suites(&[0x00a8, 0xd001]), HANDSHAKE_FAILURE),
                (
                    "curves below P-256",
                    groups(&[19, 21, 1, 22][..]),
                    HANDSHAKE_FAILURE,
                ),
                (
                    "curves over binary fields",
                    groups(&[9, 10, 13, 14]),
                    HANDSHAKE_FAILURE,
                ),
                (
                    "finite-field groups",
                    groups(&[256, 257]),
                    HANDSHAKE_FAILURE,
                ),
                (
                    "signatures with SHA-1 and MD5",
                    Hello {
                        signatures: &[0x0203, 0x0201, 0x0101],
                        ..GOOD
                    },
                    HANDSHAKE_FAILURE,
                ),
                (
                    "TLS 1.3 with a short tag",
                    Hello {
                        suites: &[0x1305],
                        ..GOOD_13
                    },
                    HANDSHAKE_FAILURE,
                ),
                (
                    "TLS 1.3 with a finite-field group",
                    Hello {
                        groups: &[256],
                        ..GOOD_13
                    },
                    HANDSHAKE_FAILURE,
                ),
                (
                    "TLS 1.3 with a suite of TLS 1.2",
                    Hello {
                        suites: &[0xc02b],
                        ..GOOD_13
                    },
                    HANDSHAKE_FAILURE,
                ),
            ];
            for (why, hello, alert) in rows {
                let heard = said(&council, &hello.record()).await;
                assert_eq!(heard, Said::Alert(alert), "{why}");
            }
            let heard = said(&council, &ssl2()).await;
            assert!(!matches!(heard, Said::Hello(..)), "SSL 2.0: {heard:?}");
            let heard = said(&council, care("GET", "/adults/7", "").as_bytes()).await;
            assert!(!matches!(heard, Said::Hello(..)), "plain HTTP: {heard:?}");
            assert_eq!(service.requests().len(), 0);
        }
    });
}

#[test]
fn of_what_a_client_offers_the_listener_takes_the_suite_that_it_likes_best_and_no_compression() {
    run(async {
        let identify = format!("api_keys: [{{ name: k, sha256: {} }}]", hash(HEALTH_KEY));
        let (council, _service, _own) = council(identify, None).await;
        let weak_first = [0x0005, 0xc009, 0xc02b, 0xcca9, 0xc02c];
        let rows = [
            ("TLS 1.2", GOOD, Said::Hello(TLS12, 0xc02b, 0)),
            (
                "its order, not the client's",
                Hello {
                    suites: &weak_first,
                    ..GOOD
                },
                Said::Hello(TLS12, 0xc02c, 0),
            ),
            (
                "no compression where it is offered first",
                Hello {
                    compressions: &[1, 0],
                    ..GOOD
                },
                Said::Hello(TLS12, 0xc02b, 0),
            ),
            (
                "P-384 where that is all",
                Hello {
                    groups: &[P384],
                    ..GOOD
                },
                Said::Hello(TLS12, 0xc02b, 0),
            ),
            // TLS 1.3 keeps the older one's version here and says its own in an extension.
            (
                "TLS 1.3 among older ones, in its order of suites",
                Hello {
                    versions: &[TLS10, TLS12, TLS13],
                    suites: &[0x1301, 0x1303, 0x1302, 0xc02b],
                    ..GOOD
                },
                Said::Hello(TLS12, 0x1302, 0),
            ),
        ];
        for (why, hello, expected) in rows {
            assert_eq!(said(&council, &hello.record()).await, expected, "{why}");
        }
    });
}

#[test]
fn a_listener_that_is_to_speak_tls_1_3_alone_speaks_nothing_older() {
    run(async {
        for (more, old) in [
            ("", Said::Hello(TLS12, 0xc02b, 0)),
            (", min_version: \"1.3\"", Said::Alert(PROTOCOL_VERSION)),
        ] {
            let identify = format!("api_keys: [{{ name: k, sha256: {} }}]", hash(HEALTH_KEY));
            let (mut council, _service, _own) = stopped(identify, None, more).await;
            council.start();
            assert_eq!(said(&council, &GOOD.record()).await, old, "{more:?}");
            let new = said(&council, &GOOD_13.record()).await;
            assert!(
                matches!(new, Said::Hello(TLS12, 0x1301, 0)),
                "{more:?}: {new:?}"
            );
        }
    });
}
