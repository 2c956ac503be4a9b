//! Commits and tags as git stores them, read without asking git to print them.

use jiff::Timestamp;

/// Branches or tags.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum RefKind {
    Branch,
    Tag,
}

impl RefKind {
    /// The namespace in front of the name.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Branch => "refs/heads/",
            Self::Tag => "refs/tags/",
        }
    }
}

/// One branch or tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ref {
    /// The name without its namespace.
    pub(crate) name: String,
    pub(crate) kind: RefKind,
    /// The object the ref names: for an annotated tag the tag object.
    pub(crate) object: String,
    /// The commit it comes to in the end.
    pub(crate) commit: String,
}

impl Ref {
    /// The annotation's hash, unless the ref names its commit directly.
    pub(crate) fn annotation(&self) -> Option<&str> {
        (self.object != self.commit).then_some(self.object.as_str())
    }
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    /// `Name <email>`, as written.
    pub(crate) raw: String,
    /// The part between the angle brackets; empty when there is none.
    pub(crate) email: String,
    /// RFC 3339 in UTC.
    pub(crate) date: String,
}

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) hash: String,
    pub(crate) tree: String,
    pub(crate) parents: Vec<String>,
    pub(crate) author: Signature,
    pub(crate) committer: Signature,
    pub(crate) message: String,
}

/// An annotation. Very old ones name no tagger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// The hash of what it is about.
    pub(crate) target: String,
    pub(crate) tagger: Option<Signature>,
    pub(crate) message: String,
}

/// Whether the text is a whole object name.
pub(crate) fn is_full_hash(text: &str) -> bool {
    text.len() == 40 && is_hex(text)
}

/// Whether the text is hexadecimal digits and nothing else.
pub(crate) fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads the content of a commit object. Nothing in it is trusted to be UTF-8.
pub(crate) fn parse_commit(hash: &str, content: &[u8]) -> Commit {
    let (header, message) = split_message(content);
    let mut commit = Commit {
        hash: hash.to_owned(),
        tree: String::new(),
        parents: Vec::new(),
        author: parse_signature(""),
        committer: parse_signature(""),
        message,
    };
    // Continuation lines (signatures, merged tags) begin with a space and so
    // never look like one of these keys.
    for line in header.split('\n') {
        match line.split_once(' ') {
            Some(("tree", tree)) => tree.clone_into(&mut commit.tree),
            Some(("parent", parent)) => commit.parents.push(parent.to_owned()),
            Some(("author", author)) => commit.author = parse_signature(author),
            Some(("committer", committer)) => commit.committer = parse_signature(committer),
            _ => {}
        }
    }
    commit
}

/// Reads the content of a tag object.
pub(crate) fn parse_tag(content: &[u8]) -> Tag {
    let (header, message) = split_message(content);
    Tag {
        target: header
            .split('\n')
            .find_map(|line| line.strip_prefix("object "))
            .unwrap_or_default()
            .to_owned(),
        tagger: header
            .split('\n')
            .find_map(|line| line.strip_prefix("tagger "))
            .map(parse_signature),
        message,
    }
}

fn split_message(content: &[u8]) -> (String, String) {
    let end = content
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .unwrap_or(content.len());
    let message = content.get(end + 2..).unwrap_or_default();
    (
        String::from_utf8_lossy(&content[..end]).into_owned(),
        String::from_utf8_lossy(message).into_owned(),
    )
}

/// Reads `Name <email> seconds offset`, from the right: a name may hold anything.
fn parse_signature(text: &str) -> Signature {
    let (rest, _) = text.rsplit_once(' ').unwrap_or((text, ""));
    let (who, seconds) = rest.rsplit_once(' ').unwrap_or((rest, ""));
    let (who, date) = match seconds.parse::<i64>() {
        Ok(seconds) => (who, format_date(seconds)),
        Err(_) => (text, format_date(0)),
    };
    let email = who
        .rfind('<')
        .and_then(|start| who[start + 1..].split('>').next())
        .unwrap_or("");
    Signature {
        raw: who.to_owned(),
        email: email.to_owned(),
        date,
    }
}

/// The service tells every moment of git in UTC, whatever offset the person had.
fn format_date(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .strftime("%Y-%m-%dT%H:%M:%S+00:00")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_keeps_every_parent_and_the_whole_message_and_its_date_is_in_utc() {
        let commit = parse_commit(
            "c0",
            b"tree t1\nparent p1\nparent p2\nparent p3\nauthor Ada <ada@example.com> 1700000000 +0530\ncommitter Bot <> 1700000001 -0800\ngpgsig -----BEGIN\n author fake\n -----END\n\nSubject\n\nBody\n",
        );
        assert_eq!(commit.parents, ["p1", "p2", "p3"]);
        assert_eq!(commit.author.raw, "Ada <ada@example.com>");
        assert_eq!(commit.author.email, "ada@example.com");
        assert_eq!(commit.author.date, "2023-11-14T22:13:20+00:00");
        assert_eq!(commit.committer.raw, "Bot <>");
        assert_eq!(commit.committer.email, "");
        assert_eq!(commit.message, "Subject\n\nBody\n");
    }

    #[test]
    fn bytes_that_are_not_utf8_do_not_lose_the_commit() {
        let commit = parse_commit(
            "c0",
            b"tree t\nauthor M\xfcller <m@x> 1 +0000\ncommitter M <m@x> 1 +0000\n\nGr\xfc\xdfe",
        );
        assert_eq!(commit.author.raw, "M\u{fffd}ller <m@x>");
        assert_eq!(commit.message, "Gr\u{fffd}\u{fffd}e");
    }

    #[test]
    fn an_impossible_offset_does_no_harm() {
        let commit = parse_commit("c0", b"tree t\nauthor A <a@x> 0 +51800\n\n");
        assert_eq!(commit.author.date, "1970-01-01T00:00:00+00:00");
    }

    #[test]
    fn an_old_tag_may_lack_its_tagger() {
        let tag = parse_tag(b"object x\ntype commit\ntag v1\n\nFirst\n");
        assert_eq!(tag.tagger, None);
        assert_eq!(tag.message, "First\n");
    }
}
