//! What `--help` shows at the end of a command's page. A test parses every line.

/// Examples of the command as a whole.
pub(super) const ROOT: &str = "\
Examples:
  engine demo
  engine config sample > config.toml
  engine config check --config config.toml
  engine start api vcs --config config.toml
  engine vcs branches WS/SLUG --config config.toml";

pub(super) const DEMO: &str = "\
Examples:
  engine demo
  engine demo --repo . --json";

pub(super) const ACTION: &str = "\
Examples:
  engine action checkout-application KEY/APP work --run 42
  engine action checkout-application WS/SLUG work --branch main
  engine action git-clone https://code.example/ws/slug.git work";

pub(super) const START: &str = "\
Examples:
  engine start api vcs --config config.toml
  engine start vcs --config config.toml --log-format json";

pub(super) const CONFIG: &str = "\
Examples:
  engine config sample > config.toml
  engine config check --config config.toml
  engine config check --config config.toml --offline";

pub(super) const TOKENS: &str = "\
Examples:
  engine tokens create --role worker --expires 90d --config config.toml
  engine tokens create --role project --project KEY --name ci --config config.toml
  engine tokens list --config config.toml --output jsonl
  engine tokens revoke ID --config config.toml";

pub(super) const GRANTS: &str = "\
Examples:
  engine grants list --config config.toml
  engine grants revoke KEY SERVER --config config.toml";

pub(super) const PLUGINS: &str = "\
Examples:
  engine plugins list
  engine plugins check libvcs_bitbucketcloud.so
  engine plugins install libvcs_bitbucketcloud.so --plugin-dir /usr/lib/engine/plugins
  engine plugins rollback bitbucketcloud --plugin-dir /usr/lib/engine/plugins
  engine plugins pin libmine.so
  engine plugins new my-forge --interface ../engine/interface";

pub(super) const VCS: &str = "\
Examples:
  engine vcs check-connection --config config.toml
  engine vcs repos --config config.toml --output jsonl
  engine vcs branches WS/SLUG --project KEY --config config.toml
  engine vcs commits WS/SLUG --branch main --limit 10
  engine vcs get-archive WS/SLUG --ref v1.0.0 --to archive.tar.gz
  engine vcs set-status WS/SLUG HASH --state Success --key build --url https://ci.example.com/1";

pub(super) const WEBHOOK: &str = "\
Examples:
  engine webhook parse --event repo:push --secret-file hook.secret body.json --config config.toml
  engine webhook parse --type bitbucketcloud --event repo:push -";

pub(super) const MOCK: &str = "\
Examples:
  engine mock bitbucket --repo demo/sample=. --write-config config.toml";

pub(super) const COMPLETIONS: &str = "\
Examples:
  engine completions bash > /usr/share/bash-completion/completions/engine
  engine completions zsh > /usr/share/zsh/site-functions/_engine
  engine completions fish > ~/.config/fish/completions/engine.fish";

pub(super) const STORE: &str = "\
Examples:
  engine store check --config config.toml
  engine store migrate --config config.toml
  engine store backup /var/backups/engine.sqlite --config config.toml
  engine store copy --from /var/lib/engine/engine.sqlite --config config.toml
  engine store key rotate --config config.toml";
