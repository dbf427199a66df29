use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::sign::Sign;
use super::sweep::sweep;
use super::{Detector, aws, card};

/// The detectors that a text alone sets off.
fn found(text: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let text = text.as_bytes();
    sweep(text, &mut |sign| match sign {
        Sign::Secret(detector) => found.push(detector.name()),
        Sign::PlainCard(plain) if card::in_text(plain, text) => found.push("card"),
        Sign::PlainCard(_) => {}
        Sign::AwsId if aws::has_secret(text) => found.push("aws"),
        Sign::AwsId => {}
    });
    found
}

/// Each text is found by this detector once: alone, in prose, quoted, and behind an assignment.
#[track_caller]
fn finds(detector: &str, texts: &[&str]) {
    for text in texts {
        assert_eq!(found(text), [detector], "{text}");
        for around in [format!("see {text} there"), format!("\"{text}\""), format!("KEY={text}\n"), format!("é{text}é")]
        {
            assert_eq!(found(&around), [detector], "{around}");
        }
    }
}

#[track_caller]
fn passes(texts: &[&str]) {
    for text in texts {
        assert_eq!(found(text), [""; 0], "{text}");
        let around = format!("see {text} there");
        assert_eq!(found(&around), [""; 0], "{around}");
    }
}

/// A21
#[test]
fn private_keys() {
    finds(
        "private_key",
        &[
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
            "-----BEGIN RSA PRIVATE KEY-----\r\nMIIE...\r\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA\\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIYp\n-----END EC PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIFHDBOBgkqhkiG9w0BBQ0wQTApBgkqhkiG9w0BBQwwHAQI",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBGRq0kQBCADKz1\n-----END PGP PRIVATE KEY BLOCK-----",
            "-----BEGIN PRIVATE KEY----- MIIEvQIBADANBgkqhkiG9w0BAQEFAASC -----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
            "------BEGIN PRIVATE KEY-----MIIEvQ",
        ],
    );
    passes(&[
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA",
        "-----BEGIN PRIVATE KEY-----",
        "the part between -----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY----- lines",
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\n<your key>\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nYOUR KEY HERE",
        "-----BEGIN NOTPRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
        "----- BEGIN OF A SECTION -----",
        "-------------------------------------------",
    ]);
}

/// A21
#[test]
fn stripe_keys() {
    finds(
        "stripe",
        &[
            "sk_live_51H8abcdEFGHijklMNOPqrstUVWX",
            "rk_live_51H8abcdEFGHijklMNOPqrstUVWX",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "sk_live_abcdefghijklmnopqrstuvwx",
            "STRIPE_sk_live_51H8abcdEFGHijkl",
        ],
    );
    passes(&[
        "pk_live_51H8abcdEFGHijklMNOPqrstUVWX",
        "sk_test_51H8abcdEFGHijklMNOPqrstUVWX",
        "rk_test_51H8abcdEFGHijklMNOPqrstUVWX",
        "sk_live_",
        "sk_live_...",
        "sk_live_xxxxxxxxxxxxxxxxxxxxxxxx",
        "sk_live_yoursecretkeyhere",
        "sk_live_your_secret_key_goes_here_2026",
        "desk_live_51H8abcdEFGHijklMNOPqrstUVWX",
        "sk_lives_51H8abcdEFGHijklMNOPqrstUVWX",
        "SK_LIVE_51H8abcdEFGHijklMNOPqrstUVWX",
        "cs_live_a1b2c3d4e5f6g7h8i9j0",
    ]);
}

/// A21: the id alone stands in logs and signed URLs, 40 characters alone could be anything.
#[test]
fn aws_keys() {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY";
    for text in [
        format!("AKIAIOSFODNN7EXAMPL3 {secret}"),
        format!("{secret}, ASIAIOSFODNN7EXAMPL3"),
        format!("aws_access_key_id=AKIAIOSFODNN7EXAMPL3\naws_secret_access_key={secret}\n"),
        format!("s3://AKIAIOSFODNN7EXAMPL3:{secret}@bucket"),
        format!("AKIAIOSFODNN7EXAMPL3/{secret}"),
    ] {
        assert_eq!(found(&text), ["aws"], "{text}");
    }
    for text in [
        "AKIAIOSFODNN7EXAMPL3",
        secret,
        "The example key id AKIA... is shown cut.",
        &format!("AKIAIOSFODNN7EXAMPLE {secret}"),
        &format!("AKIAIOSFODNN7 {secret}"),
        &format!("AKIAIOSFODNN7EXAMPL34 {secret}"),
        &format!("xAKIAIOSFODNN7EXAMPL3 {secret}"),
        &format!("AKIAIOSFODNN7EXAMPL3 {secret}A"),
        "AKIAIOSFODNN7EXAMPL3 da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "X-Amz-Credential=AKIAIOSFODNN7EXAMPL3/20261120/us-east-1/s3/aws4_request&X-Amz-Signature=\
         9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}

/// A21: a text that holds JSON or a URL holds escapes: the last letter of one is no part of the word behind it.
#[test]
fn escapes_end_words() {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY";
    let role = jwt(r#"{"role":"service_role"}"#);
    for escape in
        ["\\n", "\\t", "\\r", "\\b", "\\f", "\\v", "\\0", "\\u00e9", "\\u000A", "\\xe9", "\\\\n", "%0A", "%3D", "%3d"]
    {
        for (detector, key) in [
            ("stripe", "sk_live_51H8abcdEFGHijklMNOPqrstUVWX"),
            ("github", "ghp_0123456789abcdefghijABCDEFGHIJ012345"),
            ("slack", "xoxb-123456789012-1234567890123-abcdefghijklmnopqrstuvwx"),
            ("google", "AIzaSyA1bC2dE3fG4hI5jK6lM7nO8pQ9rS0tU1v"),
            ("anthropic", "sk-ant-api03-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8-Qr9St0Uv1Wx2Yz3_AA"),
            ("supabase", &role),
        ] {
            for text in [format!("A=1{escape}{key}"), format!("{escape}{key}{escape}")] {
                assert_eq!(found(&text), [detector], "{text}");
            }
        }
        let text = format!("A=1{escape}AKIAIOSFODNN7EXAMPL3{escape}{secret}{escape}B=2");
        assert_eq!(found(&text), ["aws"], "{text}");
    }
    for before in ["desk\\de", "\\d", "%0", "%zz", "\\u00e", "\\ude", "0A", "u00e9", "\\nx", "%0Ax", "\\xe"] {
        let text = format!("{before}sk_live_51H8abcdEFGHijklMNOPqrstUVWX");
        assert_eq!(found(&text), [""; 0], "{text}");
    }
}

/// A21
#[test]
fn github_and_slack_tokens() {
    for kind in ["ghp", "gho", "ghu", "ghs", "ghr"] {
        finds("github", &[&format!("{kind}_0123456789abcdefghijABCDEFGHIJ012345")]);
    }
    finds("github", &["github_pat_11ABCDEFG0abcdefghijkl_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHI"]);
    passes(&[
        "ghp_",
        "ghp_...",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "ghp_0123456789abcdefghij",
        "ghx_0123456789abcdefghijABCDEFGHIJ012345",
        "sighs_0123456789abcdefghijABCDEFGHIJ012345",
        "github_pat_",
        "github_pat_rotation_2026_for_the_deploy_job",
    ]);
    finds(
        "slack",
        &[
            "xoxb-123456789012-1234567890123-abcdefghijklmnopqrstuvwx",
            "xoxp-123456789012-123456789012-123456789012-0123456789abcdef0123456789abcdef",
            "xoxa-2-123456789012-123456789012",
            "xapp-1-A0123456789-1234567890123-0123456789abcdef",
        ],
    );
    passes(&[
        "xoxb-",
        "xoxb-your-token-here-please",
        "xoxb-123456789012-...",
        "xoxz-123456789012-1234567890123-abcdef",
    ]);
}

/// A21
#[test]
fn keys_of_other_services() {
    finds("woocommerce", &["cs_1234567890abcdef1234567890abcdef12345678"]);
    passes(&[
        "ck_1234567890abcdef1234567890abcdef12345678",
        "docs_da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "cs_1234567890abcdef1234567890abcdef1234567",
        "cs_1234567890abcdef1234567890abcdef123456789",
        "cs_FAKE_00000000000000000000000000000000000000",
        "cs_test_a1b2c3",
    ]);
    finds("google", &["AIzaSyA1bC2dE3fG4hI5jK6lM7nO8pQ9rS0tU1v"]);
    passes(&["AIza", "AIzaSyA1bC2dE3fG4hI5jK6lM7nO8pQ9rS0tU1", "AIzaSyA1bC2dE3fG4hI5jK6lM7nO8pQ9rS0tU1vw"]);
    finds(
        "openai",
        &[
            "sk-proj-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8_Qr9St0Uv1Wx2Yz3T3BlbkFJAb1Cd2Ef3Gh4",
            "sk-svcacct-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8",
            "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",
        ],
    );
    finds("anthropic", &["sk-ant-api03-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8-Qr9St0Uv1Wx2Yz3_AA"]);
    passes(&[
        "sk-",
        "sk-...",
        "sk-proj-...",
        "sk-proj-xxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-bratislava-2026-summer-edition-promo-page",
        "sk-ant-design-components-2026-edition",
        "task-Ab1Cd2Ef3Gh4Ij5Kl6MnT3BlbkFJ7Op8Qr9St0Uv1Wx2Yz3A",
        "sk-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "sb_publishable_Ab1Cd2Ef3Gh4Ij5Kl6Mn7O_p8Qr9St0",
    ]);
    finds("supabase", &["sb_secret_Ab1Cd2Ef3Gh4Ij5Kl6Mn7O_p8Qr9St0"]);
}

fn jwt(payload: &str) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2lnbmF0dXJl", encode(r#"{"alg":"HS256","typ":"JWT"}"#), encode(payload))
}

/// A21: keys of Supabase differ in their payload alone.
#[test]
fn service_role_keys() {
    let payload = |role: &str| format!(r#"{{"iss":"supabase","ref":"proj","role":"{role}","iat":1790000000}}"#);
    finds("supabase", &[&jwt(&payload("service_role")), &jwt(&payload("service\\u005frole"))]);
    passes(&[
        &jwt(&payload("anon")),
        &jwt(&payload("authenticated")),
        &jwt(r#"{"sub":"service_role"}"#),
        &jwt(r#"{"role":["service_role"]}"#),
        &jwt("not JSON, but service_role"),
        "eyJhbGciOiJIUzI1NiJ9.x.y",
        "eyJhbGciOiJIUzI1NiJ9",
        &format!("x{}", jwt(&payload("service_role"))),
    ]);
}

/// A21
#[test]
fn cards_in_groups() {
    finds(
        "card",
        &[
            "4111 1111 1111 1111",
            "4242-4242-4242-4242",
            "5555 5555 5555 4444",
            "2223 0031 2200 3222",
            "3782 822463 10005",
            "3056 930902 5904",
            "6011 1111 1111 1117",
            "3566 0020 2036 0505",
            "6200 0000 0000 0005",
            "4111  1111  1111  1111",
            "4111\u{a0}1111\u{a0}1111\u{a0}1111",
            "4111\u{202f}1111 1111\t1111",
            "4111\t1111\t1111\t1111",
        ],
    );
    for text in [
        "4111 1111 1111 1111 12/29 123",
        "12/29 4111 1111 1111 1111",
        "4111 1111 1111 1111.",
        "№4111-1111-1111-1111",
        "no.4111 1111 1111 1111",
        "card-4111-1111-1111-1111",
        "ref-4111-1111-1111-1111",
        "visa_4111 1111 1111 1111",
        "visa_4111-1111-1111-1111",
        "visa_4111111111111111",
        "card_4539148803436467",
        "note\\n4111 1111 1111 1111",
    ] {
        assert_eq!(found(text), ["card"], "{text}");
    }
    passes(&[
        "4111 1111 1111 1112",
        "4111 1111-1111 1111",
        "4111   1111   1111   1111",
        "4111\n1111\n1111\n1111",
        "4111\t1111\t1111\t1111\t1111",
        "4111--1111--1111--1111",
        "1234-card-1234-4111-1111-1111-1111",
        "a1_2_4111 1111 1111 1111",
        "1111 1111 1111 1117",
        "41111 111 1111 1111",
        "4111 1111 1111 1111 1111",
        "1234 4111 1111 1111 1111",
        "1234-4111-1111-1111-1111",
        "A4111 1111 1111 1111",
        "4111 1111 1111 1111a",
        "AT61 4300 0000 0000 0007",
        "DE89 3704 0044 0532 0130 00",
        "+49 170 1234567",
        "0171 1234 5678",
        "12345678-4111-1111-1111-111111111111",
        "1.4111 1111 1111 1111",
    ]);
}

/// A21: plain digits are a card number where nothing says that they are something else.
#[test]
fn plain_digits() {
    let numbers = ["4539148803436467", "5425233430109903", "2720992597158321", "371449635398431", "6011000990139424"];
    for number in numbers {
        for text in [
            format!("paid with {number}."),
            format!("please charge {number}, 12/29"),
            format!("card number {number}"),
            format!("order 17, card:{number}"),
            format!("https://example.com/?card={number}"),
            format!("{number} 12/29 cvc 123"),
        ] {
            assert_eq!(found(&text), ["card"], "{text}");
        }
        for text in [
            number.to_string(),
            format!("order {number}"),
            format!("order_id: {number}"),
            format!("Tracking no.: {number}"),
            format!("see #{number}"),
            format!("https://example.com/orders/{number}"),
            format!("sku-{number}"),
            format!("sku_{number}"),
            format!("act_{number}, paid by card"),
            format!("{number}, {number}"),
            format!("x{number}"),
            format!("paid with {number}0"),
            format!("paid with 0.{number}"),
            format!("paid with {number}.5"),
        ] {
            assert_eq!(found(&text), [""; 0], "{text}");
        }
    }
    for text in ["4111111111111111", "4242424242424242", "5555555555554444"] {
        assert_eq!(found(text), ["card"], "{text}");
    }
    // A failing Luhn digit, a prefix of nobody, product codes, phones, timestamps.
    passes(&[
        "4539148803436468",
        "1790000000000000",
        "4006381333931",
        "9780306406157",
        "00491701234567890",
        "1790000000000",
        "1790000000000000000",
        "2026-11-20T12:00:00Z",
        "490154203237518",
    ]);
}

/// A fixed sequence (SplitMix64): the same texts in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[(self.next() % alphabet.len() as u64) as usize])).collect()
    }
}

/// What is drawn at random is no secret: identifiers, digests, encoded bytes.
#[test]
fn random_texts_pass() {
    const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = Random(1);
    for round in 0..20_000 {
        let hex = random.text(b"0123456789abcdef", 64);
        let texts = [
            hex.clone(),
            hex.to_uppercase(),
            format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]),
            random.text(&[BASE64, b"+/"].concat(), 120),
            random.text(&[BASE64, b"-_"].concat(), 120),
            random.text(b"0123456789", 13 + round % 7),
            format!("order {}", random.text(b"0123456789", 13 + round % 7)),
            random.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 40),
        ];
        for text in texts {
            assert_eq!(found(&text), [""; 0], "{text}");
        }
    }
}

/// A pass is linear: what looks like the beginning of a secret again and again costs no more than it is long.
#[test]
fn beginnings_of_secrets_are_cheap() {
    for piece in ["sk-proj-", "xoxb-", "-----BEGIN RSA ", "eyJ.", "eyJ", "4111 ", "sk_live_", "AKIA", "ghp_", "1"] {
        let text = piece.repeat(1 << 16);
        let began = std::time::Instant::now();
        assert_eq!(found(&text), [""; 0]);
        assert!(began.elapsed().as_secs() < 20, "{piece}");
    }
}

#[test]
fn names_are_stable_and_known() {
    for detector in Detector::ALL {
        assert_eq!(Detector::parse(detector.name()), Some(*detector));
    }
    assert_eq!(Detector::parse("Stripe"), None);
}
