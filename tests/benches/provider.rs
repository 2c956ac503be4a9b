//! The provider against the least that the same work can take, in one run: lists
//! beside a bare client with the same number of requests at the same time, and
//! deliveries beside a bare HMAC.
//!
//! `cargo bench -p integration-tests --bench provider`, with `-- --json` for a
//! machine and `-- --latency 20` for another response time in milliseconds. The
//! provider is the released library. The service is a stub that has its pages
//! ready after the first run, so that the provider and the waiting are measured.

use hmac::{Hmac, KeyInit, Mac};
use integration_tests::bitbucket::{context, pinned_copy};
use integration_tests::host::RecordingHost;
use integration_tests::released_library;
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use vcs_plugin_host::loader::Loader;
use vcs_provider_interface::abi::HostProvider;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

/// The requests at the same time, of the provider (its default) and of the floor.
const PARALLEL: usize = 8;

/// Runs of each, of which the shortest counts: what disturbs makes it longer.
const RUNS: usize = 5;

const HEAD: &str = "0123456789abcdef0123456789abcdef01234567";

/// A service that takes its time for each response and has all of them ready.
struct Stub {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Stub {
    fn start(latency: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(std::result::Result::ok) {
                let counted = Arc::clone(&counted);
                thread::spawn(move || serve(stream, latency, &counted));
            }
        });
        Self { address, requests }
    }
}

fn serve(stream: TcpStream, latency: Duration, requests: &AtomicUsize) {
    let _ = stream.set_nodelay(true);
    let mut writer = stream.try_clone().expect("a socket");
    let mut lines = BufReader::new(stream)
        .lines()
        .map_while(std::result::Result::ok);
    while let Some(first) = lines.next() {
        let host = lines
            .by_ref()
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.strip_prefix("host: ").map(str::to_owned))
            .last()
            .unwrap_or_default();
        requests.fetch_add(1, Ordering::Relaxed);
        let target = first.split(' ').nth(1).unwrap_or_default();
        let response = respond(target, &host);
        thread::sleep(latency);
        if writer.write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}

/// The response to a target, made once: what is measured is not the stub.
fn respond(target: &str, host: &str) -> Arc<str> {
    static READY: Mutex<BTreeMap<String, Arc<str>>> = Mutex::new(BTreeMap::new());
    let key = format!("{host} {target}");
    let ready = || READY.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(response) = ready().get(&key) {
        return Arc::clone(response);
    }
    let response: Arc<str> = made(target, host).into();
    ready().insert(key, Arc::clone(&response));
    response
}

fn made(target: &str, host: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameter = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(present, _)| *present == name)
            .map(|(_, value)| value)
    };
    let page: usize = parameter("page")
        .and_then(|page| page.parse().ok())
        .unwrap_or(1);
    let repository = "/2.0/repositories/acme/widget";
    let body = match path.strip_prefix(repository) {
        Some("") => json!({"uuid": "{1}", "mainbranch": {"name": "main"}}),
        Some("/src") => {
            return format!(
                "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {repository}/src/{HEAD}/\r\n\r\n"
            );
        }
        Some("/refs/branches") => numbered(
            path,
            host,
            page,
            100,
            2500,
            &|index| json!({"name": format!("topic/{index}"), "target": {"hash": HEAD, "parents": [{"hash": HEAD}]}}),
        ),
        Some("/refs/branches/main") => json!({"target": {"hash": HEAD}}),
        Some("/pullrequests") => numbered(path, host, page, 50, 500, &pull_request),
        Some("/commits") => commits(path, host, page),
        _ if path == "/2.0/user/workspaces" => {
            let values = ["a", "b", "c"]
                .map(|slug| json!({"workspace": {"slug": slug, "uuid": format!("{{{slug}}}")}}));
            json!({"values": values})
        }
        _ => numbered(
            path,
            host,
            page,
            100,
            700,
            &|index| json!({"uuid": format!("{{{path}{index}}}"), "full_name": format!("w/r{index}"), "name": "r"}),
        ),
    };
    let body = body.to_string();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn numbered(
    path: &str,
    host: &str,
    page: usize,
    length: usize,
    size: usize,
    item: &dyn Fn(usize) -> Value,
) -> Value {
    let begin = (page - 1) * length;
    let end = (begin + length).min(size);
    let values: Vec<Value> = (begin..end).map(item).collect();
    let mut body = json!({"size": size, "page": page, "pagelen": length, "values": values});
    if end < size {
        let next = format!("http://{host}{path}?pagelen={length}&page={}", page + 1);
        body["next"] = next.into();
    }
    body
}

/// Commits have no numbers: each page knows only the next.
fn commits(path: &str, host: &str, page: usize) -> Value {
    let values: Vec<Value> = (0..100)
        .map(|index| {
            let hash = if (page, index) == (1, 0) {
                HEAD.to_owned()
            } else {
                format!("{:040x}", page * 100 + index)
            };
            json!({"hash": hash, "date": "2026-01-01T00:00:00+00:00", "message": "m",
                   "author": {"raw": "A <a@example.org>"}, "parents": [{"hash": HEAD}]})
        })
        .collect();
    let mut body = json!({"pagelen": 100, "values": values});
    if page < 15 {
        body["next"] = format!("http://{host}{path}?ctx=c{page}&page={}", page + 1).into();
    }
    body
}

fn pull_request(index: usize) -> Value {
    json!({"id": index + 1, "title": "t", "state": "OPEN", "updated_on": "2026-01-01T00:00:00+00:00",
           "source": {"branch": {"name": "s"}, "commit": {"hash": HEAD}, "repository": {"full_name": "acme/widget"}},
           "destination": {"branch": {"name": "d"}, "commit": {"hash": HEAD}, "repository": {"full_name": "acme/widget"}}})
}

/// The bare client: rounds of targets, each round side by side on connections
/// that stay open, with nothing done but reading the bytes.
fn floor(address: SocketAddr, rounds: &[Vec<String>]) -> Duration {
    let begun = Instant::now();
    let mut connections: Vec<BufReader<TcpStream>> = Vec::new();
    for round in rounds {
        let wanted = round.len().min(PARALLEL);
        while connections.len() < wanted {
            let stream = TcpStream::connect(address).expect("the stub");
            stream.set_nodelay(true).expect("a socket");
            connections.push(BufReader::new(stream));
        }
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for connection in &mut connections {
                scope.spawn(|| {
                    while let Some(target) = round.get(next.fetch_add(1, Ordering::Relaxed)) {
                        get(connection, target);
                    }
                });
            }
        });
    }
    begun.elapsed()
}

fn get(connection: &mut BufReader<TcpStream>, target: &str) {
    let request = format!("GET {target} HTTP/1.1\r\nhost: stub\r\n\r\n");
    connection
        .get_mut()
        .write_all(request.as_bytes())
        .expect("the stub");
    let mut length = 0;
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).expect("a response");
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().expect("a length");
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).expect("a body");
}

fn pages(path: &str, numbers: std::ops::RangeInclusive<usize>) -> Vec<String> {
    numbers.map(|page| format!("{path}?page={page}")).collect()
}

/// The least that each list takes: what has to be known first is its own round.
fn rounds(list: &str) -> Vec<Vec<String>> {
    let repository = "/2.0/repositories/acme/widget";
    let of = |path: &str, last| {
        let path = format!("{repository}{path}");
        vec![pages(&path, 1..=1), pages(&path, 2..=last)]
    };
    match list {
        "2,500 branches" => of("/refs/branches", 25),
        "500 pull requests" => of("/pullrequests", 10),
        "1,500 commits" => (1..=15)
            .map(|page| vec![format!("{repository}/commits?page={page}")])
            .collect(),
        _ => {
            let workspaces = ["a", "b", "c"].map(|slug| format!("/2.0/repositories/{slug}"));
            let of_all = |numbers: std::ops::RangeInclusive<usize>| {
                workspaces
                    .iter()
                    .flat_map(|path| pages(path, numbers.clone()))
                    .collect()
            };
            vec![
                vec!["/2.0/user/workspaces".to_owned()],
                of_all(1..=1),
                of_all(2..=7),
            ]
        }
    }
}

fn read(client: &dyn AuthorizedClient, list: &str) -> Result<usize> {
    let repo = "acme/widget".to_owned();
    let context = context();
    Ok(match list {
        "2,500 branches" => {
            let request = BranchesRequest {
                repo,
                ..Default::default()
            };
            collect(|sink| client.branches(&context, request, sink))?.len()
        }
        "500 pull requests" => {
            let request = PullRequestsRequest {
                repo,
                ..Default::default()
            };
            collect(|sink| client.pull_requests(&context, request, sink))?.len()
        }
        "1,500 commits" => {
            let request = CommitsRequest {
                repo,
                ..Default::default()
            };
            collect(|sink| client.commits(&context, request, sink))?.len()
        }
        _ => {
            let request = RepositoriesRequest::default();
            collect(|sink| client.repos(&context, request, sink))?.len()
        }
    })
}

/// One row of the table.
struct Row {
    what: String,
    provider: f64,
    floor: f64,
    unit: &'static str,
    ratio: f64,
    requests: usize,
}

fn lists(provider: HostProvider, latency: Duration) -> Vec<Row> {
    [
        "2,500 branches",
        "2,100 repositories",
        "500 pull requests",
        "1,500 commits",
    ]
    .map(|list| {
        let stub = Stub::start(latency);
        let mut best = [Duration::MAX; 2];
        let mut requests = 0;
        for _ in 0..RUNS {
            best[1] = best[1].min(floor(stub.address, &rounds(list)));
            // A new server each time: nothing is cached, no connection is open.
            let config = format!(
                "apiUrl = 'http://{}/2.0'\n[auth]\nemail = 'me@example.com'\ntoken = 'ATATx'\n",
                stub.address
            );
            let server = provider
                .new_server(&config, RecordingHost::new())
                .expect("a server");
            let client = server
                .authorized_client(Credential::configured())
                .expect("a client");
            let before = stub.requests.load(Ordering::Relaxed);
            let begun = Instant::now();
            let found = read(&*client, list).expect("a list");
            best[0] = best[0].min(begun.elapsed());
            requests = stub.requests.load(Ordering::Relaxed) - before;
            let expected: usize = list
                .chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
                .parse()
                .expect("a number");
            assert_eq!(found, expected, "{list}");
        }
        let [provider, floor] = best.map(|time| time.as_secs_f64() * 1000.0);
        Row {
            what: list.to_owned(),
            provider,
            floor,
            unit: "ms",
            ratio: provider / floor,
            requests,
        }
    })
    .into()
}

/// A delivery as real ones are: with ten times the fields that are read of it.
fn delivery() -> Vec<u8> {
    let account = json!({"type": "user", "uuid": "{1}", "account_id": "1:a", "nickname": "ann",
        "display_name": "Ann", "links": {"self": {"href": "https://api.bitbucket.org/2.0/users/1"},
        "avatar": {"href": "https://secure.gravatar.com/avatar/1"}, "html": {"href": "https://bitbucket.org/1/"}}});
    let repository = json!({"type": "repository", "uuid": "{2}", "full_name": "acme/widget", "name": "Widget",
        "scm": "git", "website": null, "owner": account, "workspace": {"slug": "acme", "uuid": "{3}"},
        "project": {"key": "P", "uuid": "{4}", "links": {"html": {"href": "https://bitbucket.org/acme/p"}}},
        "links": {"html": {"href": "https://bitbucket.org/acme/widget"}}});
    let end = json!({"branch": {"name": "main", "links": {}}, "repository": repository,
        "commit": {"hash": "0123456789ab", "type": "commit", "links": {"html": {"href": "https://x/y"}}}});
    let mut pull_request = pull_request(4);
    pull_request["author"] = account.clone();
    pull_request["source"] = end.clone();
    pull_request["destination"] = end;
    pull_request["participants"] = json!(vec![
        json!({"user": account, "role": "REVIEWER", "approved": false});
        8
    ]);
    pull_request["rendered"] = json!({"title": {"raw": "t", "html": "<p>t</p>"}, "description": {"html": "x".repeat(2000)}});
    json!({"pullrequest": pull_request, "repository": repository, "actor": account})
        .to_string()
        .into_bytes()
}

fn deliveries(provider: HostProvider) -> Vec<Row> {
    let server = provider
        .new_server("", RecordingHost::new())
        .expect("a server");
    let body = delivery();
    let secret = "the key of the hook";
    let signed = |body: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
        mac.update(body);
        mac.finalize().into_bytes()
    };
    let request = WebhookRequest {
        headers: vec![
            ("X-Event-Key".to_owned(), "pullrequest:updated".to_owned()),
            (
                "X-Hub-Signature".to_owned(),
                format!("sha256={}", hex::encode(signed(&body))),
            ),
        ],
        body: Bytes(body.clone()),
        secret: Some(Secret::from(secret)),
        ..Default::default()
    };
    let throughput = |work: &dyn Fn()| {
        let mut best = f64::MAX;
        for _ in 0..RUNS {
            let begun = Instant::now();
            for _ in 0..200 {
                work();
            }
            best = best.min(begun.elapsed().as_secs_f64() / 200.0);
        }
        body.len() as f64 / best / 1e6
    };
    let provider = throughput(&|| {
        let delivery = server
            .parse_webhook(&context(), request.clone())
            .expect("a delivery");
        assert_eq!(delivery.events.len(), 1);
    });
    let floor = throughput(&|| {
        std::hint::black_box(signed(std::hint::black_box(&body)));
    });
    vec![Row {
        what: format!("signature and parse, {} bytes (floor: HMAC)", body.len()),
        provider,
        floor,
        unit: "MB/s",
        ratio: floor / provider,
        requests: 0,
    }]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let latency = arguments
        .iter()
        .position(|argument| argument == "--latency")
        .and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(50);
    let library = pinned_copy(&released_library("vcs-bitbucketcloud"));
    let provider = Loader::default()
        .load(&library)
        .expect("the provider")
        .provider;
    let mut rows = lists(provider, Duration::from_millis(latency));
    rows.extend(deliveries(provider));
    if arguments.iter().any(|argument| argument == "--json") {
        for row in &rows {
            println!(
                "{}",
                json!({"what": row.what, "provider": row.provider, "floor": row.floor,
                       "unit": row.unit, "ratio": row.ratio, "requests": row.requests})
            );
        }
        return;
    }
    println!("responses after {latency} ms, {PARALLEL} at the same time, best of {RUNS}");
    println!("| what | provider | floor | ratio | requests |\n|---|---|---|---|---|");
    for row in &rows {
        println!(
            "| {} | {:.0} {} | {:.0} {} | {:.2} | {} |",
            row.what, row.provider, row.unit, row.floor, row.unit, row.ratio, row.requests
        );
    }
}
