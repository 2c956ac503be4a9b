//! Compressed answers: read whole, within the limits, or not at all.

use crate::raw_server::RawServer;
use crate::support::{QUICK, branches, refusal, repo};
use flate2::Compression;
use flate2::write::GzEncoder;
use integration_tests::bitbucket::{Bitbucket, context, server_of};
use integration_tests::host::RecordingHost;
use integration_tests::sandbox::GitSandbox;
use mock_bitbucket::MockBitbucket;
use std::io::Write as _;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect_bytes;

/// Two branches, and what is asked beside them of their repository.
const PAGE: &str = r#"{"uuid":"{1}","full_name":"acme/widget","mainbranch":null,"values":[
    {"name":"one","target":{"hash":"a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"}},
    {"name":"two","target":{"hash":"b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2"}}]}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn answer(status: u16, coding: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 {status} Done\r\nContent-Type: application/json\r\n\
         Content-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// A server that answers every request so, and a client of it. What is asked
/// about a file before it is read is answered by itself.
fn served(answer: Vec<u8>, config: &str) -> (RawServer, Box<dyn AuthorizedClient>) {
    const FILE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{\"type\":\"commit_file\"}";
    let server = RawServer::start(move |request| {
        if request.contains("format=meta") {
            FILE.to_vec()
        } else {
            answer.clone()
        }
    });
    let config = format!(
        "{QUICK}apiUrl = \"{}/2.0\"\nauth = {{ accessToken = \"ATCT-of-a-test\" }}\n{config}",
        server.origin()
    );
    let client = server_of(&config, &RecordingHost::new())
        .authorized_client(Credential::configured())
        .expect("a client");
    (server, client)
}

fn content(client: &dyn AuthorizedClient, reference: &str, path: &str) -> Result<Vec<u8>> {
    let request = GetContentRequest {
        repo: repo(),
        reference: Some(reference.to_owned()),
        path: path.to_owned(),
        ..Default::default()
    };
    collect_bytes(|sink| client.get_content(&context(), request, sink)).map(|(_, bytes)| bytes)
}

#[test]
fn lists_and_files_come_compressed_from_the_service() {
    let git = GitSandbox::small();
    let text = "a line of a larger file\n".repeat(500);
    git.write("large.txt", &text);
    git.commit_all("Large");
    git.many_branches("topic/", 250, "main");
    let bitbucket = Bitbucket::with(git, MockBitbucket::builder(), QUICK);
    let client = bitbucket.client();
    assert_eq!(branches(&*client).expect("a list").len(), 252);
    assert_eq!(
        content(&*client, "main", "large.txt").expect("a file"),
        text.as_bytes()
    );
    let compressed = bitbucket
        .mock
        .requests()
        .iter()
        .filter(|one| {
            let coding = ("content-encoding".to_owned(), "gzip".to_owned());
            one.response_headers.contains(&coding)
        })
        .map(|one| {
            assert!(
                std::str::from_utf8(&one.response_body).is_ok(),
                "the recording stays readable"
            );
        })
        .count();
    assert!(compressed >= 4, "{compressed} compressed answers");
}

#[test]
fn a_small_answer_that_unpacks_beyond_the_limit_is_refused() {
    let mut page = PAGE.as_bytes().to_vec();
    page.resize(64 << 20, b' ');
    let bomb = gzip(&page);
    assert!(bomb.len() < 128 << 10, "{} bytes", bomb.len());
    let (server, client) = served(answer(200, "gzip", &bomb), "maxBodyBytes = 65536");
    let error = refusal(&*client);
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE, "{error}");
    assert!(error.message.contains("maxBodyBytes"), "{error}");
    assert!(server.received().len() <= 2, "another try cannot help");
}

#[test]
fn an_error_whose_body_unpacks_beyond_measure_is_read_in_part() {
    let mut page = br#"{"error":{"message":"#.to_vec();
    page.resize(64 << 20, b' ');
    let (_server, client) = served(answer(403, "gzip", &gzip(&page)), "");
    assert_eq!(refusal(&*client).kind, ErrorKind::PERMISSION_DENIED);
}

#[test]
fn an_answer_of_several_compressed_parts_is_read_to_its_end() {
    let (first, second) = PAGE.split_at(PAGE.len() / 2);
    let mut body = gzip(first.as_bytes());
    body.extend(gzip(second.as_bytes()));
    let (_server, client) = served(answer(200, "gzip", &body), "");
    assert_eq!(branches(&*client).expect("a list").len(), 2);
}

#[test]
fn a_compressed_answer_that_is_cut_anywhere_is_an_error() {
    let whole = gzip(PAGE.as_bytes());
    for length in [
        0,
        1,
        9,
        10,
        11,
        whole.len() / 2,
        whole.len() - 8,
        whole.len() - 1,
    ] {
        let cut = whole.get(..length).expect("a beginning");
        // Once the length tells the truth, and once the connection ends too early.
        for body in [answer(200, "gzip", cut), {
            let mut early = answer(200, "gzip", &whole);
            early.truncate(early.len() - whole.len() + length);
            early
        }] {
            let (_server, client) = served(body, "");
            let error = refusal(&*client);
            let kinds = [ErrorKind::UNAVAILABLE, ErrorKind::INVALID_RESPONSE];
            assert!(kinds.contains(&error.kind), "{length}: {error}");
        }
    }
}

#[test]
fn a_compressed_file_that_is_cut_is_an_error_and_never_a_shorter_file() {
    let text: Vec<u8> = (0..50_000u32).flat_map(u32::to_le_bytes).collect();
    let whole = gzip(&text);
    let hash = "a1".repeat(20);
    let read = |length: usize| {
        let body = whole.get(..length).expect("a beginning");
        let (_server, client) = served(answer(200, "gzip", body), "");
        content(&*client, &hash, "file.bin")
    };
    assert_eq!(read(whole.len()).expect("a file"), text);
    for length in [0, 10, whole.len() / 2, whole.len() - 1] {
        let error = read(length).expect_err("cut");
        assert_ne!(error.kind, ErrorKind::INTERNAL, "{length}: {error}");
    }
}

#[test]
fn a_compressed_answer_with_a_wrong_checksum_is_an_error() {
    let mut body = gzip(PAGE.as_bytes());
    let place = body.len() - 8;
    body[place] ^= 1;
    let (_server, client) = served(answer(200, "gzip", &body), "");
    let error = refusal(&*client);
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE, "{error}");
    assert!(error.message.contains("compression"), "{error}");
}

#[test]
fn an_answer_that_only_says_it_is_compressed_is_an_error() {
    let (_server, client) = served(answer(200, "gzip", PAGE.as_bytes()), "");
    let error = refusal(&*client);
    assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE, "{error}");
    assert!(error.message.contains("compression"), "{error}");
}

#[test]
fn a_compression_that_nobody_asked_for_is_named() {
    for coding in ["br", "deflate", "zstd", "gzip, gzip"] {
        let (server, client) = served(answer(200, coding, PAGE.as_bytes()), "");
        let error = refusal(&*client);
        assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE, "{error}");
        for words in [coding, "Content-Encoding"] {
            assert!(error.message.contains(words), "{error}");
        }
        assert!(server.received().iter().all(|request| {
            let request = request.to_ascii_lowercase();
            request.contains("accept-encoding: gzip\r\n")
        }));
        let error = content(&*client, &"a1".repeat(20), "file.bin").expect_err("unreadable");
        assert!(error.message.contains(coding), "{error}");
    }
}

#[test]
fn an_answer_that_is_not_compressed_may_say_so() {
    let (_server, client) = served(answer(200, "identity", PAGE.as_bytes()), "");
    assert_eq!(branches(&*client).expect("a list").len(), 2);
}
