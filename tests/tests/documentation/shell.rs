//! A person at a terminal who follows a page: its commands, in their order, in one
//! shell and a fresh folder.
//!
//! What runs on in the background (a command that ends in `&`) is waited for until it
//! says that it is ready, as a person does, and ends with its section. Addresses and installed places are those of the test:
//! the replacements of a [`World`] say which. What a person does beside typing, such as
//! editing a file or using a browser, is a step of the world.

use crate::blocks::{Block, Command};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

/// How long a page may take.
const PATIENCE_SECONDS: u32 = 240;

/// Where a page is followed.
pub(crate) struct World {
    folder: TempDir,
    path: Vec<PathBuf>,
    environment: Vec<(String, String)>,
    replaced: Vec<(String, String)>,
    steps: Vec<(String, String)>,
}

impl World {
    /// A fresh folder, with the built `engine` in reach if it is wanted.
    pub(crate) fn new(path: Vec<PathBuf>) -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            path,
            environment: Vec::new(),
            replaced: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// The folder that the commands begin in.
    pub(crate) fn folder(&self) -> PathBuf {
        let folder = self.folder.path().join("work");
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A place for whatever a person has elsewhere.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        let place = self.folder.path().join("elsewhere").join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        place
    }

    /// Writes a file into the folder, for its owner only.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let file = self.folder().join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// What stands in the page, and what is here in its place.
    pub(crate) fn replace(&mut self, written: &str, here: impl Into<String>) {
        self.replaced.push((written.to_owned(), here.into()));
    }

    /// What a person does after a command that has this in it: lines for the shell.
    pub(crate) fn step_after(&mut self, command: &str, lines: &str) {
        self.steps.push((command.to_owned(), lines.to_owned()));
    }

    fn here(&self, text: &str) -> String {
        self.replaced
            .iter()
            .fold(text.to_owned(), |text, (written, here)| {
                text.replace(written, here)
            })
    }

    /// Follows the page.
    pub(crate) fn follow(&self, page: &str, blocks: &[Block]) {
        let script = self.folder.path().join("page.sh");
        fs::write(&script, self.script(page, blocks)).unwrap();
        let mut path: Vec<PathBuf> = self.path.clone();
        path.extend(["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"].map(PathBuf::from));
        let home = self.folder.path().join("home");
        fs::create_dir_all(&home).unwrap();
        let mut shell = std::process::Command::new("timeout");
        shell
            .args(["--kill-after=10", &PATIENCE_SECONDS.to_string(), "bash"])
            .arg(&script)
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("HOME", home)
            .env("LANG", "C.UTF-8")
            .env("TMPDIR", self.place("tmp/x").parent().unwrap())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LAST", self.folder.path().join("last"))
            .env("OUTPUT", self.folder.path().join("output"))
            .env("ERRORS", self.folder.path().join("errors"))
            .stdin(Stdio::null());
        for (name, value) in &self.environment {
            shell.env(name, value);
        }
        let ended = shell.output().unwrap();
        assert!(
            ended.status.success(),
            "{} ({})\nprinted: {}\n{}\n{}",
            read(&self.folder.path().join("last")),
            ended.status,
            read(&self.folder.path().join("output")),
            read(&self.folder.path().join("errors")),
            String::from_utf8_lossy(&ended.stderr),
        );
    }

    fn script(&self, page: &str, blocks: &[Block]) -> String {
        let mut script = String::from(PRELUDE);
        let mut heading = None;
        for block in blocks.iter().filter(|block| block.reason.is_none()) {
            if heading.as_ref() != Some(&block.heading) {
                script.push_str("__end_services\n");
                heading = Some(block.heading.clone());
            }
            for command in &block.commands {
                self.add(&mut script, page, command);
            }
        }
        script
    }

    fn add(&self, script: &mut String, page: &str, command: &Command) {
        let text = self.here(&command.text);
        let place = format!(
            "{page}:{}: {}",
            command.line,
            command.text.replace('\n', " ")
        );
        // Writing to a string cannot fail.
        let _ = writeln!(script, "printf '%s' {} >\"$LAST\"", quoted(&place));
        if let Some(service) = text.strip_suffix(" &") {
            let _ = writeln!(script, "__serve {service}");
        } else if command.prints.is_empty() {
            let _ = writeln!(script, "{{ {text}\n}} >\"$OUTPUT\" 2>\"$ERRORS\" || exit 1");
        } else {
            let _ = writeln!(
                script,
                "for __try in $(seq 240); do\n\
                 {{ {text}\n}} >\"$OUTPUT\" 2>\"$ERRORS\" || exit 1\n\
                 __printed=\" $(tr -s ' \\n' '  ' <\"$OUTPUT\") \"\n\
                 [[ $__printed == {} ]] && break\n\
                 [ \"$__try\" -lt 240 ] || {{ echo 'another output is documented' >>\"$ERRORS\"; exit 1; }}\n\
                 sleep 0.25\ndone",
                pattern(&command.prints),
            );
        }
        for (_, lines) in self
            .steps
            .iter()
            .filter(|(part, _)| command.text.contains(part))
        {
            let _ = writeln!(script, "{{\nset -e\n{lines}\nset +e\n}} 2>>\"$ERRORS\"");
        }
    }
}

/// What every page begins with.
const PRELUDE: &str = r#"
services=()
__end_services() {
    for __pid in "${services[@]}"; do kill "$__pid" 2>/dev/null; done
    for __pid in "${services[@]}"; do wait "$__pid" 2>/dev/null; done
    services=()
}
trap __end_services EXIT
# A program in the background; it is ready when it says so.
__serve() {
    : >"$OUTPUT"
    "$@" >"$OUTPUT" 2>"$ERRORS" &
    services+=($!)
    for __try in $(seq 1200); do
        [ -s "$OUTPUT" ] && return
        kill -0 $! 2>/dev/null || exit 1
        sleep 0.05
    done
    echo "it does not say that it is ready" >>"$ERRORS"
    exit 1
}
"#;

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The lines as a pattern of the shell: `…` stands for anything, and so does whatever
/// is between two lines; any space is one space.
fn pattern(lines: &[String]) -> String {
    let parts = lines.iter().flat_map(|line| line.split('…'));
    let words = parts.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let quoted = words
        .filter(|part| !part.is_empty())
        .map(|part| quoted(&part));
    format!("*{}*", quoted.collect::<Vec<_>>().join("*"))
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

#[test]
fn a_command_that_fails_is_named_with_its_line_and_ends_the_page() {
    let page = "# A\n```console\n$ true\n$ ls /no/such/place\n$ touch after\n```\n";
    let world = World::new(Vec::new());
    let blocks = crate::blocks::blocks(page).unwrap();
    let followed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        world.follow("page.md", &blocks);
    }));
    let message = *followed.unwrap_err().downcast::<String>().unwrap();
    assert!(
        message.starts_with("page.md:4: ls /no/such/place"),
        "{message}"
    );
    assert!(message.contains("No such file"), "{message}");
    assert!(!world.folder().join("after").exists());
}

#[test]
fn documented_output_is_compared_and_the_shell_goes_on() {
    let page = "```console\n$ cd /tmp && WORD=red\n$ printf 'KEY   STATE\\n%s  7\\n' $WORD\nKEY STATE\nred …\n```\n";
    let blocks = crate::blocks::blocks(page).unwrap();
    World::new(Vec::new()).follow("page.md", &blocks);
    assert_eq!(
        pattern(&["a  b … c".to_owned(), "…d".to_owned()]),
        "*'a b'*'c'*'d'*"
    );
}
