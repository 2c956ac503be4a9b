//! The commands of a page.
//!
//! A block of commands is a fence of the language `console` (lines that begin with `$ `
//! are commands, those behind one are what it prints) or `sh` (every line is a command).
//! Where such a block cannot be run, its fence says why: `not-run: REASON`.

/// A block of commands.
pub(crate) struct Block {
    /// The line of its fence, from 1.
    pub(crate) line: usize,
    /// The heading that it stands below.
    pub(crate) heading: String,
    /// Why it is not run.
    pub(crate) reason: Option<String>,
    pub(crate) commands: Vec<Command>,
}

/// A command, and lines that its output has to have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) prints: Vec<String>,
}

/// What is wrong with a page, by line.
pub(crate) type Fault = (usize, String);

/// The blocks of commands of a page; an error names commands outside of one.
pub(crate) fn blocks(page: &str) -> Result<Vec<Block>, Fault> {
    let mut found = Vec::new();
    let mut heading = String::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.starts_with('#') {
            line.clone_into(&mut heading);
        }
        let Some(fence) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let body: Vec<(usize, &str)> = lines
            .by_ref()
            .take_while(|(_, line)| !line.trim_start().starts_with("```"))
            .map(|(number, line)| (number + 1, line))
            .collect();
        let (language, info) = fence.split_once(' ').unwrap_or((fence, ""));
        let commands = match language {
            "console" => in_console(&body),
            "sh" | "bash" => in_script(&body),
            "" => match body.iter().find(|(_, line)| looks_like_a_command(line)) {
                Some((number, line)) => {
                    return Err((
                        *number,
                        format!("a command in a block without a language: {line}"),
                    ));
                }
                None => continue,
            },
            _ => continue,
        };
        let reason = match info {
            "" => None,
            info => match info.strip_prefix("not-run: ") {
                Some(reason) if !reason.trim().is_empty() => Some(reason.to_owned()),
                _ => {
                    return Err((
                        number + 1,
                        format!("`not-run: REASON` is expected, not {info:?}"),
                    ));
                }
            },
        };
        if commands.is_empty() {
            return Err((
                number + 1,
                "a block of commands without a command".to_owned(),
            ));
        }
        found.push(Block {
            line: number + 1,
            heading: heading.clone(),
            reason,
            commands,
        });
    }
    Ok(found)
}

fn looks_like_a_command(line: &str) -> bool {
    let line = line.trim_start();
    ["$ ", "engine ", "cargo ", "curl ", "eval "]
        .iter()
        .any(|start| line.starts_with(start))
}

fn in_console(body: &[(usize, &str)]) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut goes_on = false;
    for (number, line) in body {
        if let Some(text) = line.strip_prefix("$ ") {
            goes_on = text.ends_with('\\');
            commands.push(Command {
                line: *number,
                text: text.to_owned(),
                prints: Vec::new(),
            });
        } else if let Some(command) = commands.last_mut() {
            if goes_on {
                goes_on = line.ends_with('\\');
                command.text.push('\n');
                command.text.push_str(line);
            } else if !line.trim().is_empty() {
                command.prints.push((*line).to_owned());
            }
        }
    }
    commands
}

fn in_script(body: &[(usize, &str)]) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut goes_on = false;
    for (number, line) in body {
        match commands.last_mut() {
            Some(command) if goes_on => {
                command.text.push('\n');
                command.text.push_str(line);
            }
            _ if line.trim().is_empty() || line.starts_with('#') => continue,
            _ => commands.push(Command {
                line: *number,
                text: (*line).to_owned(),
                prints: Vec::new(),
            }),
        }
        goes_on = line.ends_with('\\');
    }
    commands
}

#[test]
fn commands_their_output_and_reasons_are_read() {
    let page = "# A\n\n```console\n$ one \\\n    two\nprinted …\n$ three\n```\n\n## B\n\
                ```sh not-run: it needs a friend\n# why\nfour\n```\n```toml\n$ none\n```\n";
    let blocks = blocks(page).unwrap();
    assert_eq!(blocks.len(), 2);
    let texts: Vec<_> = blocks[0]
        .commands
        .iter()
        .map(|one| one.text.as_str())
        .collect();
    assert_eq!(texts, ["one \\\n    two", "three"]);
    assert_eq!(blocks[0].commands[0].prints, ["printed …"]);
    assert_eq!((blocks[0].line, blocks[0].heading.as_str()), (3, "# A"));
    assert_eq!(blocks[1].heading, "## B");
    assert_eq!(blocks[1].reason.as_deref(), Some("it needs a friend"));
    assert_eq!(blocks[1].commands[0].text, "four");
}

#[test]
fn what_is_no_command_and_no_reason_is_named() {
    for (page, line) in [
        ("```\nengine start\n```\n", 2),
        ("```console\nnothing\n```\n", 1),
        ("text\n```sh skip\nfour\n```\n", 2),
        ("```sh not-run: \nfour\n```\n", 1),
    ] {
        let fault = blocks(page).err().map(|(line, _)| line);
        assert_eq!(fault, Some(line), "{page}");
    }
}
