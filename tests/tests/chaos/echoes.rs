//! A service that sends back everything it was sent, in every place there is.

use crate::support::{Place, Random, client, many};
use integration_tests::bitbucket::REPO;
use integration_tests::engine_process::{EngineHome, PATIENCE, SERVER};
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const PLANTED_TOKEN: &str = "ATATTplantedT0ken+with/odd=chars";
const PLANTED_SECRET: &str = "planted-consumer-secret-Zq81";

/// Answers each request with the request, as the number says.
fn echo(mut stream: TcpStream, number: usize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length.min(1 << 20)];
    reader.read_exact(&mut body)?;
    let seen = format!("{head}\n{}", String::from_utf8_lossy(&body));
    let flat = seen.replace(['\r', '\n'], " ");
    let error = json!({ "type": "error", "error": { "message": seen, "detail": flat } });
    let oauth = json!({ "error": "invalid_grant", "error_description": flat });
    let record = json!({
        "type": "repository", "full_name": REPO, "name": flat, "uuid": "{u}", "slug": "widget",
        "description": flat, "is_private": true, "scm": "git", "links": {},
        "mainbranch": { "name": "main", "type": "branch" }, "owner": { "display_name": flat },
    });
    let page = json!({ "values": [record], "pagelen": 10, "size": 1, "page": 1 });
    let (status, body) = match number % 10 {
        0 => (400, error.to_string()),
        1 => (401, error.to_string()),
        2 => (403, seen.clone()),
        3 => (404, error.to_string()),
        4 => (400, oauth.to_string()),
        5 => (500, format!("<html><body>{seen}</body></html>")),
        6 => (200, record.to_string()),
        7 => (200, page.to_string()),
        8 => (200, seen.clone()),
        _ => (302, String::new()),
    };
    let in_address: String = flat
        .chars()
        .filter(|c| c.is_ascii_graphic())
        .take(400)
        .collect();
    let headers = format!(
        "X-Request-Id: {flat}\r\nWWW-Authenticate: Basic realm=\"{flat}\"\r\nLocation: /2.0/{in_address}\r\n"
    );
    write!(
        stream,
        "HTTP/1.1 {status} Echo\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// A service of echoes; gives its address.
fn service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let number = count.fetch_add(1, Ordering::AcqRel);
            // A client that has seen enough goes away.
            std::thread::spawn(move || echo(stream, number));
        }
    });
    address
}

#[test]
fn of_hundreds_of_echoing_responses_no_secret_is_in_log_store_response_or_page() {
    let place = Place::new();
    let address = service();
    let extra = format!(
        "disableWebHooksCreation = true\n[vcs.servers.echo.bitbucketcloud]\n\
         apiUrl = '{address}/2.0'\noauthUrl = '{address}'\nwebUrl = '{address}'\nbackoffMilliseconds = 1\n\
         clientId = 'planted-client'\nclientSecret = '{PLANTED_SECRET}'\n\
         auth = {{ email = 'ada@example.com', token = '{PLANTED_TOKEN}' }}"
    );
    let home = EngineHome::public(&place.mock, &extra);
    let engine = home.start_with(&["--log-level", "trace"]);
    let mut random = Random::of_this_run("echoes");
    let mut shown = Vec::new();
    let paths = [
        "",
        "/repos",
        "/workspaces",
        "/repos/acme/widget",
        "/repos/acme/widget/branches",
        "/repos/acme/widget/branches/?branch=main",
        "/repos/acme/widget/commits/abc123",
        "/repos/acme/widget/pullrequests",
        "/repos/acme/widget/hooks?url=https://h.example/x",
        "/repos/acme/widget/events",
        "/repos/acme/widget/contents?path=x",
    ];
    for _ in 0..many(300) {
        let path = paths[random.below(paths.len())];
        shown.push(
            engine
                .get(&engine.vcs(&format!("/vcs/echo{path}")))
                .1
                .to_string(),
        );
    }
    // The consent flow: the code goes out and comes back.
    let mut codes = Vec::new();
    for number in 0..30 {
        let path = "/project/KEY/repositories_manager/echo/authorize";
        let (status, begun) = engine.get(&engine.api(path));
        assert_eq!(status, 200, "{begun}");
        let url = begun["url"].as_str().unwrap();
        let state = url
            .split("state=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap()
            .to_owned();
        let code = format!("planted-code-{number}-Xy77");
        let callback =
            format!("/cdsapi/repositories_manager/oauth2/callback?state={state}&code={code}");
        shown.push(engine.browse(&engine.api(&callback)).1.to_string());
        codes.extend([code, state]);
    }
    let link = engine.api("/project/KEY/applications/echo/link");
    for _ in 0..10 {
        let body = json!({ "server": "echo", "repo": REPO });
        shown.push(engine.post(&link, &body).1.to_string());
    }
    shown.push(engine.get(&engine.api("/mon/metrics")).1.to_string());
    drop(client(PATIENCE));
    let mut places: Vec<(String, String)> = shown
        .into_iter()
        .enumerate()
        .map(|(number, text)| (format!("response {number}"), text))
        .collect();
    places.push(("the log".to_owned(), home.log()));
    engine.signal("TERM");
    assert!(engine.wait());
    for name in ["engine.sqlite", "engine.sqlite-wal"] {
        let bytes = fs::read(home.path(name)).unwrap_or_default();
        places.push((
            name.to_owned(),
            String::from_utf8_lossy(&bytes).into_owned(),
        ));
    }
    let mut planted = vec![PLANTED_TOKEN.to_owned(), PLANTED_SECRET.to_owned()];
    planted.extend(["ATATTplanted", "plantedT0ken", "consumer-secret-Zq81"].map(str::to_owned));
    planted.extend(codes);
    for (name, text) in &places {
        for secret in &planted {
            assert!(
                !text.contains(secret),
                "{secret} is in {name}: {}",
                around(text, secret)
            );
        }
    }
    println!(
        "{} places hold none of {} secrets; server {SERVER} stayed",
        places.len(),
        planted.len()
    );
}

fn around(text: &str, secret: &str) -> String {
    let at = text.find(secret).unwrap_or(0);
    let begin = text[..at]
        .char_indices()
        .rev()
        .nth(300)
        .map_or(0, |(at, _)| at);
    text[begin..].chars().take(700).collect()
}
