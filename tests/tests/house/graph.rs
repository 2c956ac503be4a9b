//! The import graph of one package: which file names an item of which other file.
//!
//! An edge goes to the file that defines what is named: re-exports are followed.
//! What stands under `cfg(test)` is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// A module path below its package: `["git", "refs"]`; the root is empty.
pub(crate) type ModulePath = Vec<String>;

#[derive(Default)]
struct Module {
    file: PathBuf,
    items: BTreeSet<String>,
    /// What `use` brings in under which name, as absolute paths.
    aliases: BTreeMap<String, ModulePath>,
    /// Names that are only handed on with `pub use`.
    reexports: BTreeMap<String, ModulePath>,
    /// Modules whose names are handed on with `pub use …::*`.
    globs: Vec<ModulePath>,
    /// Every absolute path that is named.
    named: BTreeSet<ModulePath>,
}

/// The files of a package, and from each the files it uses.
pub(crate) struct Graph {
    pub edges: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    /// The module that each file is.
    pub modules: BTreeMap<PathBuf, ModulePath>,
}

impl Graph {
    /// Reads a package from the file of its root module.
    pub(crate) fn read(root: &Path) -> Self {
        let mut modules = BTreeMap::new();
        load(root, Vec::new(), &mut modules);
        let mut edges: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
        for module in modules.values() {
            let used = edges.entry(module.file.clone()).or_default();
            for path in &module.named {
                let file = &modules[&resolve(&modules, path, 0)].file;
                if *file != module.file {
                    used.insert(file.clone());
                }
            }
        }
        let mut paths: BTreeMap<PathBuf, ModulePath> = BTreeMap::new();
        for (path, module) in &modules {
            let kept = paths
                .entry(module.file.clone())
                .or_insert_with(|| path.clone());
            if path.len() < kept.len() {
                kept.clone_from(path);
            }
        }
        Self {
            edges,
            modules: paths,
        }
    }

    /// Groups of files that use one another in a circle, other than a module and
    /// those below it: without the module there has to be no circle left.
    pub(crate) fn circles(&self) -> Vec<BTreeSet<PathBuf>> {
        let mut found = Vec::new();
        let mut waiting = vec![self.edges.keys().collect::<BTreeSet<_>>()];
        while let Some(files) = waiting.pop() {
            for mut circle in self.knots(&files) {
                let parent = circle.iter().copied().find(|parent| {
                    let above = &self.modules[*parent];
                    circle
                        .iter()
                        .all(|child| self.modules[*child].starts_with(above))
                });
                match parent {
                    Some(parent) => {
                        circle.remove(parent);
                        waiting.push(circle);
                    }
                    None => found.push(circle.into_iter().cloned().collect()),
                }
            }
        }
        found
    }

    /// The groups of more than one file that can all be reached from one another.
    fn knots<'a>(&'a self, files: &BTreeSet<&'a PathBuf>) -> Vec<BTreeSet<&'a PathBuf>> {
        let reach: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> = files
            .iter()
            .map(|file| (*file, self.reachable(file, files)))
            .collect();
        let mut knots = Vec::new();
        for (file, reached) in &reach {
            let knot: BTreeSet<&PathBuf> = reached
                .iter()
                .copied()
                .filter(|other| reach[other].contains(file))
                .collect();
            if knot.len() > 1 && !knots.contains(&knot) {
                knots.push(knot);
            }
        }
        knots
    }

    fn reachable<'a>(
        &'a self,
        from: &'a PathBuf,
        within: &BTreeSet<&'a PathBuf>,
    ) -> BTreeSet<&'a PathBuf> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![from];
        while let Some(file) = waiting.pop() {
            for next in self.edges.get(file).into_iter().flatten() {
                if within.contains(next) && seen.insert(next) {
                    waiting.push(next);
                }
            }
        }
        seen
    }
}

/// Follows a path to the module that defines what it names.
fn resolve(modules: &BTreeMap<ModulePath, Module>, path: &[String], depth: usize) -> ModulePath {
    let mut here: ModulePath = Vec::new();
    for (position, name) in path.iter().enumerate() {
        let mut below = here.clone();
        below.push(name.clone());
        if modules.contains_key(&below) {
            here = below;
            continue;
        }
        let module = &modules[&here];
        if depth > 16 || module.items.contains(name) {
            return here;
        }
        if let Some(target) = module.reexports.get(name) {
            let mut onward = target.clone();
            onward.extend_from_slice(&path[position + 1..]);
            return resolve(modules, &onward, depth + 1);
        }
        for glob in &module.globs {
            let mut onward = glob.clone();
            onward.push(name.clone());
            let found = resolve(modules, &onward, depth + 1);
            if modules[&found].items.contains(name) {
                return found;
            }
        }
        return here;
    }
    here
}

fn load(file: &Path, path: ModulePath, modules: &mut BTreeMap<ModulePath, Module>) {
    let text = std::fs::read_to_string(file).expect("a source file");
    let parsed = syn::parse_file(&text).expect("Rust");
    read_items(file, path, &parsed.items, modules);
}

fn read_items(
    file: &Path,
    path: ModulePath,
    items: &[syn::Item],
    modules: &mut BTreeMap<ModulePath, Module>,
) {
    let mut module = Module {
        file: file.to_path_buf(),
        ..Module::default()
    };
    let mut children = BTreeSet::new();
    for item in items.iter().filter(|item| !is_test(attributes(item))) {
        if let syn::Item::Mod(child) = item {
            children.insert(child.ident.to_string());
        }
    }
    for item in items.iter().filter(|item| !is_test(attributes(item))) {
        match item {
            syn::Item::Mod(child) => {
                let name = child.ident.to_string();
                let mut below = path.clone();
                below.push(name.clone());
                match &child.content {
                    Some((_, items)) => read_items(file, below, items, modules),
                    None => load(&file_of(file, &path, child), below, modules),
                }
            }
            syn::Item::Use(item) => {
                let mut found = Vec::new();
                flatten(&item.tree, Vec::new(), &mut found);
                let public = !matches!(item.vis, syn::Visibility::Inherited);
                for (name, given) in found {
                    let Some(target) = absolute(&path, &children, &given) else {
                        continue;
                    };
                    match (name, public) {
                        (None, true) => module.globs.push(target),
                        (None, false) => drop(module.named.insert(target)),
                        (Some(name), true) => {
                            module.aliases.insert(name.clone(), target.clone());
                            module.reexports.insert(name, target);
                        }
                        (Some(name), false) => {
                            module.aliases.insert(name, target.clone());
                            module.named.insert(target);
                        }
                    }
                }
            }
            other => {
                if let Some(name) = name_of(other) {
                    module.items.insert(name);
                }
            }
        }
    }
    let mut walk = Walk {
        path: &path,
        children: &children,
        module,
    };
    for item in items.iter().filter(|item| !is_test(attributes(item))) {
        if !matches!(item, syn::Item::Mod(_) | syn::Item::Use(_)) {
            walk.visit_item(item);
        }
    }
    let module = walk.module;
    modules.insert(path, module);
}

struct Walk<'a> {
    path: &'a ModulePath,
    children: &'a BTreeSet<String>,
    module: Module,
}

impl Walk<'_> {
    fn name(&mut self, segments: &[String]) {
        let Some(first) = segments.first() else {
            return;
        };
        let target = match self.module.aliases.get(first) {
            Some(alias) => {
                let mut target = alias.clone();
                target.extend_from_slice(&segments[1..]);
                Some(target)
            }
            None => absolute(self.path, self.children, segments),
        };
        self.module.named.extend(target);
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.name(&segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        // What a macro gets is no syntax yet: every word that could be a path counts.
        let text = found.tokens.to_string().replace(" :: ", "::");
        for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
            let segments: Vec<String> = word.split("::").map(str::to_owned).collect();
            if segments.len() > 1 {
                self.name(&segments);
            }
        }
        visit::visit_macro(self, found);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut found = Vec::new();
        flatten(&item.tree, Vec::new(), &mut found);
        for (_, given) in found {
            self.name(&given);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }
}

/// A path from the root of the package; `None` when it leads out of it.
fn absolute(
    path: &ModulePath,
    children: &BTreeSet<String>,
    given: &[String],
) -> Option<ModulePath> {
    let (first, rest) = given.split_first()?;
    let mut base = match first.as_str() {
        "crate" => Vec::new(),
        "self" => path.clone(),
        "super" => {
            let mut above = path.clone();
            above.pop()?;
            above
        }
        name if children.contains(name) => {
            let mut below = path.clone();
            below.push(name.to_owned());
            below
        }
        _ => return None,
    };
    for name in rest {
        if name == "super" {
            base.pop()?;
        } else {
            base.push(name.clone());
        }
    }
    Some(base)
}

/// Every name that a `use` brings in; `None` for `*`.
fn flatten(
    tree: &syn::UseTree,
    mut before: Vec<String>,
    found: &mut Vec<(Option<String>, Vec<String>)>,
) {
    match tree {
        syn::UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
        }
        syn::UseTree::Name(name) => {
            let name = name.ident.to_string();
            if name != "self" {
                before.push(name);
            }
            found.push((before.last().cloned(), before));
        }
        syn::UseTree::Rename(rename) => {
            if rename.ident != "self" {
                before.push(rename.ident.to_string());
            }
            found.push((Some(rename.rename.to_string()), before));
        }
        syn::UseTree::Glob(_) => found.push((None, before)),
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before.clone(), found);
            }
        }
    }
}

/// Where the file of `mod name;` is.
fn file_of(file: &Path, path: &ModulePath, child: &syn::ItemMod) -> PathBuf {
    let directory = file.parent().expect("a directory");
    let explicit = child.attrs.iter().find_map(|attribute| {
        let syn::Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        match &pair.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) if pair.path.is_ident("path") => Some(directory.join(text.value())),
            _ => None,
        }
    });
    if let Some(explicit) = explicit {
        return explicit;
    }
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    let own = if path.is_empty() || stem == Some("mod") {
        directory.to_path_buf()
    } else {
        directory.join(stem.unwrap_or_default())
    };
    let flat = own.join(format!("{}.rs", child.ident));
    if flat.exists() {
        flat
    } else {
        own.join(child.ident.to_string()).join("mod.rs")
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => {
            list.path.is_ident("cfg") && list.tokens.to_string().split(' ').any(|w| w == "test")
        }
        other => other.path().is_ident("test"),
    })
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name_of(item: &syn::Item) -> Option<String> {
    Some(match item {
        syn::Item::Const(item) => item.ident.to_string(),
        syn::Item::Enum(item) => item.ident.to_string(),
        syn::Item::Fn(item) => item.sig.ident.to_string(),
        syn::Item::Macro(item) => item.ident.as_ref()?.to_string(),
        syn::Item::Static(item) => item.ident.to_string(),
        syn::Item::Struct(item) => item.ident.to_string(),
        syn::Item::Trait(item) => item.ident.to_string(),
        syn::Item::Type(item) => item.ident.to_string(),
        syn::Item::Union(item) => item.ident.to_string(),
        _ => return None,
    })
}
