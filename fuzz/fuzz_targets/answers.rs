//! Any bytes as the body of every answer: wire types, links and error bodies.
//! The first byte chooses the status, the second what is asked for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use vcs_bitbucketcloud_fuzz::server;
use vcs_provider_interface::context::HostCallContext;
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect;

const STATUSES: [u16; 8] = [200, 200, 200, 201, 400, 403, 404, 500];

type Body = Arc<Mutex<(u16, Vec<u8>)>>;

/// A service that gives the same answer to everything.
struct Service {
    body: Body,
    client: Box<dyn AuthorizedClient>,
}

fn service() -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let body = Body::default();
    let answer = Arc::clone(&body);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || serve(stream, &answer));
        }
    });
    Service {
        body,
        client: client(address),
    }
}

fn client(address: SocketAddr) -> Box<dyn AuthorizedClient> {
    let config = format!(
        "apiUrl = 'http://{address}/2.0'\nbackoffMilliseconds = 1\nmaxPages = 5\n\
         auth = {{ email = 'a@b.example', token = 'ATATfuzz' }}\n"
    );
    server(&config)
        .and_then(|server| server.authorized_client(Credential::configured()))
        .expect("a client")
}

fn serve(mut stream: TcpStream, answer: &Body) {
    let mut head = Vec::new();
    let mut byte = [0u8; 1];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let (status, body) = answer.lock().expect("the answer").clone();
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // A client that has seen enough goes away.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&body);
}

fuzz_target!(|bytes: &[u8]| {
    static SERVICE: OnceLock<Service> = OnceLock::new();
    let Service { body, client } = SERVICE.get_or_init(service);
    let [status, what, text @ ..] = bytes else {
        return;
    };
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    *body.lock().expect("the answer") = (status, text.to_vec());
    let context = HostCallContext::new("fuzz").with_time_limit(Duration::from_secs(2));
    let repo = "acme/widget".to_owned();
    let result = match what % 6 {
        0 => {
            let request = BranchesRequest {
                repo,
                ..BranchesRequest::default()
            };
            collect(|sink| client.branches(&context, request, sink)).map(drop)
        }
        1 => {
            let request = PullRequestsRequest {
                repo,
                ..PullRequestsRequest::default()
            };
            collect(|sink| client.pull_requests(&context, request, sink)).map(drop)
        }
        2 => client
            .repo_by_fullname(&context, RepositoryRequest { repo })
            .map(drop),
        3 => {
            let request = PollEventsRequest {
                repo,
                ..PollEventsRequest::default()
            };
            client.poll_events(&context, request).map(drop)
        }
        4 => client
            .check_connection(&context, ConnectionRequest::default())
            .map(drop),
        _ => {
            let request = CommentsRequest {
                repo,
                pull_request: 1,
                limit: None,
            };
            collect(|sink| client.pull_request_comments(&context, request, sink)).map(drop)
        }
    };
    if let Err(error) = result {
        assert_ne!(error.kind, ErrorKind::INTERNAL, "{error}");
    }
});
