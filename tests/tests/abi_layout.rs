//! The layout of every type of the interface, held to a file of its version.
//!
//! A layout that changes makes plugins and hosts of one version refuse each
//! other. So a change fails this test until the version is raised on purpose;
//! then the new version gets a file of its own, written by this test where
//! `WRITE_ABI_LAYOUT` is set, and the old file stays as it was.

use abi_stable::StableAbi;
use abi_stable::type_layout::{TLData, TLField, TypeLayout};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use vcs_provider_interface::abi::ProviderModuleRef;
use vcs_provider_interface::info::INTERFACE_VERSION;

/// Types of other packages stand in the dump by name only: `abi_stable` is
/// pinned to one version.
const PACKAGE: &str = "vcs-provider-interface";

/// Everything that is reachable from the module, as text sorted by type.
fn dump() -> String {
    let mut types = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut waiting = vec![<ProviderModuleRef as StableAbi>::LAYOUT];
    while let Some(layout) = waiting.pop() {
        if !seen.insert(layout.get_utypeid()) {
            continue;
        }
        waiting.extend(layout.shared_vars().type_layouts().iter().map(|get| get()));
        if layout.package() == PACKAGE {
            types.insert(describe(layout));
        }
    }
    types.into_iter().collect()
}

fn describe(layout: &'static TypeLayout) -> String {
    let name = layout.full_type();
    let module = layout.mod_path();
    let mut text = format!("{name} in {module:?}\n");
    let _ = writeln!(
        text,
        "  size {}, alignment {}",
        layout.size(),
        layout.alignment()
    );
    match layout.data() {
        TLData::PrefixType(prefix) => {
            let always = prefix.first_suffix_field;
            let _ = writeln!(text, "  grows at its end; {always} fields always present");
        }
        TLData::Enum(variants) => {
            let _ = writeln!(text, "  {variants:?}");
        }
        _ => {}
    }
    for field in layout
        .get_fields()
        .into_iter()
        .flat_map(|fields| fields.iter())
    {
        text.push_str(&describe_field(&field));
    }
    text.push('\n');
    text
}

fn describe_field(field: &TLField) -> String {
    let functions: Vec<String> = field
        .function_range()
        .iter()
        .map(|function| {
            let parameters: Vec<String> = function
                .param_type_layouts
                .iter()
                .map(|get| type_name(get()))
                .collect();
            let result = match function.return_type_layout() {
                Some(get) => type_name(get()),
                None => "()".to_owned(),
            };
            format!("fn({}) -> {result}", parameters.join(", "))
        })
        .collect();
    if functions.is_empty() {
        format!("  {}: {}\n", field.name(), type_name(field.layout()))
    } else {
        format!("  {}: {}\n", field.name(), functions.join(" and "))
    }
}

/// The name of a type; with the types in it where it is one of those that are
/// made of others, so that an option of one is not taken for an option of another.
fn type_name(layout: &'static TypeLayout) -> String {
    let name = layout.name();
    let parts = layout.shared_vars().type_layouts();
    let parts: Vec<String> = match (name, parts) {
        ("ROption" | "RResult" | "Tuple2", parts) => {
            parts.iter().map(|get| type_name(get())).collect()
        }
        // Its first part is the pointer to the first item.
        ("RVec", [pointer, ..]) => pointer()
            .shared_vars()
            .type_layouts()
            .first()
            .map(|get| type_name(get()))
            .into_iter()
            .collect(),
        _ => return layout.full_type().to_string(),
    };
    format!("{name}<{}>", parts.join(", "))
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("abi/layouts")
        .join(format!("{INTERFACE_VERSION}.txt"))
}

#[test]
fn the_layouts_are_those_of_this_version() {
    let (file, now) = (golden(), dump());
    if std::env::var_os("WRITE_ABI_LAYOUT").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &now).unwrap();
    }
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        !before.is_empty(),
        "interface {INTERFACE_VERSION} has no file of layouts yet; WRITE_ABI_LAYOUT=1 writes it"
    );
    let different = before
        .lines()
        .zip(now.lines())
        .find(|(before, now)| before != now);
    assert!(
        before == now,
        "a type of the interface was changed without a new version; the first line that differs:\n\
         {INTERFACE_VERSION}: {}\nnow: {}\nLengths: {} and {} bytes.",
        different.map_or("", |(before, _)| before),
        different.map_or("", |(_, now)| now),
        before.len(),
        now.len()
    );
}

#[test]
fn the_dump_holds_what_crosses_the_boundary() {
    let now = dump();
    for expected in [
        "ProviderModule",
        "  build: BuildFacts",
        "VcsErrorAbi",
        "  retry_after_ms: ROption<u64>",
        "fn(",
        "grows at its end",
        "PullRequestAbi",
    ] {
        assert!(now.contains(expected), "{expected:?} is missing in\n{now}");
    }
    for method in vcs_provider_interface::provider::AUTHORIZED_CLIENT_METHODS {
        assert!(now.contains(method), "{method} is missing");
    }
}
