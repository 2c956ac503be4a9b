//! The JSON form of every record and code, held to a file: an engine stores
//! events as JSON, and scripts read the output of commands.

use crate::records::*;
use crate::secret::Secret;
use crate::value::Bytes;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A value in which everything is filled in.
pub(crate) trait Sample {
    /// `secrets` says whether what JSON leaves out is filled in as well.
    fn sample(secrets: bool) -> Self;
}

macro_rules! samples {
    ($($type:ty = $value:expr;)*) => {
        $( impl Sample for $type {
            fn sample(_: bool) -> Self {
                $value
            }
        } )*
    };
}

samples! {
    bool = true;
    u16 = 404;
    u64 = 7;
    i64 = 1_700_000_000_000;
    String = "text".to_owned();
    Extra = Extra::from([("key", "value")]);
}

impl Sample for Secrets {
    fn sample(secrets: bool) -> Self {
        match secrets {
            true => Self::new().with("name", "hunter2"),
            false => Self::new(),
        }
    }
}

impl Sample for Option<Secret> {
    fn sample(secrets: bool) -> Self {
        secrets.then(|| Secret::from("hunter2"))
    }
}

impl Sample for Bytes {
    fn sample(secrets: bool) -> Self {
        Self(if secrets {
            b"body".to_vec()
        } else {
            Vec::new()
        })
    }
}

/// Everything that may stand in an option or a list; not `Secret`.
trait Part: Sample {}
impl<T: Sample + serde::Serialize> Part for T {}

impl<T: Part> Sample for Option<T> {
    fn sample(secrets: bool) -> Self {
        Some(T::sample(secrets))
    }
}

impl<T: Part> Sample for Vec<T> {
    fn sample(secrets: bool) -> Self {
        vec![T::sample(secrets)]
    }
}

impl Sample for (String, String) {
    fn sample(_: bool) -> Self {
        ("name".to_owned(), "value".to_owned())
    }
}

/// One line of the file: the form of a record, after a way there and back.
fn form<T>(name: &str) -> String
where
    T: Sample + PartialEq + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let plain = T::sample(false);
    let written = serde_json::to_string(&plain).unwrap();
    assert_eq!(
        serde_json::from_str::<T>(&written).unwrap(),
        plain,
        "{name}"
    );
    let shown = serde_json::to_string_pretty(&T::sample(true)).unwrap();
    assert!(!shown.contains("hunter2"), "{name}: {shown}");
    assert!(
        !format!("{:?}", T::sample(true)).contains("hunter2"),
        "{name}"
    );
    // What a newer version wrote is passed over, what an older one left out is empty.
    let newer = written.replacen('{', "{\"of_a_newer_version\":[1],", 1);
    let newer = newer.replace(",}", "}");
    assert_eq!(serde_json::from_str::<T>(&newer).unwrap(), plain, "{name}");
    assert!(serde_json::from_str::<T>("{}").is_ok(), "{name}");
    format!("{name} {shown}\n\n")
}

macro_rules! forms {
    ($($name:ident,)*) => {
        fn forms() -> Vec<(&'static str, String)> {
            use crate::error::VcsError;
            use crate::info::{Capability, ProviderInfo};
            use crate::services::LogRecord;
            vec![ $( (stringify!($name), form::<$name>(stringify!($name))), )* ]
        }
    };
}

forms! {
    Annotation, Author, AuthorizeRedirect, AuthorizeRequest, AuthorizeTokenRequest, Branch,
    BranchRequest, BranchesRequest, Capability, ChangedFile, ChangedFilesRequest,
    ChangedRepository, CheckoutCredentials, CheckoutRequest, Comment, CommentPosition,
    CommentsRequest, Commit, CommitRequest, CommitsBetweenRefsRequest, CommitsRequest,
    CompleteEventRequest, Connection, ConnectionRequest, Content, CreateBranchRequest,
    CreateCommentRequest, CreatePullRequestRequest, CreateTagRequest, Credential,
    DeleteBranchRequest, DeleteCommentRequest, DeleteHookRequest, Delivery, Done, Event,
    EventRepository, ForksRequest, GetArchiveRequest, GetContentRequest, GetHookRequest, Grant,
    Hook, HookRequest, HooksRequest, InsightReport, InsightReportRequest, ListContentRequest,
    LogRecord, MergePullRequestRequest, NetworkSettings, PollEventsRequest,
    PollRepositoriesRequest, PolledEvents, PolledRepositories, PollingInfo, ProviderInfo,
    PullRequest, PullRequestEnd, PullRequestRequest, PullRequestsRequest, RateLimit, RateState,
    RefChange, Release, ReleaseFile, ReleaseRequest, ReportData, RepositoriesRequest, Repository,
    RepositoryRequest, SearchPullRequestRequest, SecretForm, ServerInfo, ServerInfoRequest, Status,
    StatusRequest, StatusesRequest, StreamedContent, Tag, TagRequest, TagsRequest,
    UpdateCommentRequest, UpdatePullRequestRequest, UploadReleaseFileRequest, VcsError,
    WebhookProof, WebhookRequest, WebhooksInfo, WebhooksInfoRequest, Workspace, WorkspacesRequest,
}

/// The names and numbers of every code.
fn codes() -> String {
    let mut text = String::new();
    macro_rules! codes {
        ($($name:ty),*) => { $(
            let name = std::any::type_name::<$name>().rsplit("::").next();
            let _ = writeln!(text, "{}", name.unwrap_or_default());
            for code in <$name>::ALL {
                let json = serde_json::to_string(code).unwrap();
                assert_eq!(serde_json::from_str::<$name>(&json).unwrap(), *code);
                let _ = writeln!(text, "  {} {json}", code.number());
            }
            let unknown = <$name>::from_number(60_000);
            let json = serde_json::to_string(&unknown).unwrap();
            assert_eq!(serde_json::from_str::<$name>(&json).unwrap(), unknown);
            let _ = writeln!(text, "  60000 {json}\n");
        )* };
    }
    crate::open_enum::every_code!(codes);
    text
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut all = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            all.extend(sources(&path));
        } else {
            all.push(path);
        }
    }
    all
}

/// The words after `prefix` at the beginning of a line of a source.
fn declared(prefix: &str, is_one: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::new();
    for path in sources(&root) {
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let Some(rest) = line.strip_prefix(prefix).filter(|rest| is_one(rest)) else {
                continue;
            };
            found.insert(rest.split(' ').next().unwrap_or_default().to_owned());
        }
    }
    found
}

#[test]
fn the_json_forms_are_those_of_this_version() {
    let forms = forms();
    let listed: BTreeSet<String> = forms.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(
        listed,
        declared("    pub struct ", |rest| rest.contains(" / "))
    );
    let codes = codes();
    for name in declared("    pub enum ", |rest| !rest.contains('$')) {
        let is_of_a_test = matches!(name.as_str(), "Old" | "New");
        assert!(is_of_a_test || codes.contains(&name), "{name} is missing");
    }
    let mut now: String = forms.into_iter().map(|(_, form)| form).collect();
    now.push_str(&codes);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("json_forms.txt");
    if std::env::var_os("WRITE_JSON_FORMS").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let different = before
        .lines()
        .zip(now.lines())
        .find(|(before, now)| before != now);
    assert!(
        before == now,
        "a JSON form changed (WRITE_JSON_FORMS=1 writes the file): {different:?}"
    );
}

/// What the boundary is made of must not show anywhere else: another carrier
/// could take its place.
#[test]
fn no_public_item_outside_abi_names_a_type_of_abi_stable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let words = [
        "abi_stable",
        "StableAbi",
        "RString",
        "RStr<",
        "RVec",
        "ROption",
        "RResult",
        "RBox",
        "RArc",
        "RSlice",
        "RRef",
        "RMut",
        "Tuple2",
    ];
    let mut looked_at = 0;
    for path in sources(&root) {
        if path.starts_with(root.join("abi")) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        // What is reachable through `abi` only.
        let text = match text.split_once("pub(crate) mod on_the_boundary {") {
            Some((before, after)) => {
                let after = after.split_once("\n}\n").map_or("", |(_, after)| after);
                format!("{before}{after}")
            }
            None => text.to_owned(),
        };
        let mut rest = text.as_str();
        while let Some(start) = rest.find("pub ") {
            let item = &rest[start..];
            let end = item.find(['{', ';', '=']).unwrap_or(item.len());
            let item = &item[..end];
            looked_at += 1;
            let word = words.iter().find(|word| item.contains(**word));
            assert_eq!(word, None, "{}: {item}", path.display());
            rest = &rest[start + 4..];
        }
    }
    assert!(looked_at > 300, "{looked_at}");
}

proptest! {
    #[test]
    fn every_event_survives_json_and_the_boundary(
        number: u16, state: u16, name in ".{0,20}", facts in proptest::collection::vec((".{0,8}", ".{0,8}"), 0..5),
        date: Option<i64>, forced: Option<bool>,
    ) {
        use crate::abi::AbiValue;
        let event = Event {
            kind: EventKind::from_number(number),
            date,
            change: Some(RefChange { name, forced, kind: RefKind::from_number(number), ..Default::default() }),
            status: Some(Status { state: BuildState::from_number(state), ..Default::default() }),
            extra: facts.into_iter().collect(),
            ..Default::default()
        };
        let json = serde_json::to_string(&event).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Event>(&json).unwrap(), &event);
        prop_assert_eq!(&Event::from_abi(event.clone().into_abi()), &event);
    }
}
