//! Rules about size and place: files, functions, lines, folders, structs, impl blocks.
//! A limit is where we look again, not a target; `exempt.rs` names what may pass it.

use std::collections::{BTreeMap, BTreeSet};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::Complaint;
use super::tree::{Source, Tree, is_test_item};

pub fn file_lines(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in tree.sources.iter().filter(|source| !source.is_test()) {
        let lines = source.text.lines().count();
        let own = (1..=lines).filter(|line| !source.is_test_line(*line)).count();
        if own > FILE_LINES_MAX {
            complaints.push(Complaint {
                path: source.path.clone(),
                line: 1,
                rule: "file length",
                found: format!("{own} lines outside its tests, of at most {FILE_LINES_MAX}"),
                instead: "find the second thing in it and give that a file; a data table may be \
                          exempt by name",
            });
        }
    }
    complaints
}

pub fn line_width(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &tree.sources {
        for (number, line) in source.text.lines().enumerate() {
            let width = line.chars().count();
            if width > LINE_CHARS_MAX {
                complaints.push(Complaint {
                    path: source.path.clone(),
                    line: number + 1,
                    rule: "line width",
                    found: format!("{width} characters, of at most {LINE_CHARS_MAX}"),
                    instead: "break the line; split a long string with a backslash",
                });
            }
        }
    }
    complaints
}

pub fn function_lines(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &tree.sources {
        for function in outline(source).functions {
            if function.lines > FUNCTION_LINES_MAX {
                complaints.push(Complaint {
                    path: source.path.clone(),
                    line: function.line,
                    rule: "function length",
                    found: format!(
                        "`{}` has {} lines, of at most {FUNCTION_LINES_MAX}",
                        function.name, function.lines
                    ),
                    instead: "let it decide and call leaf functions that compute",
                });
            }
        }
    }
    complaints
}

pub fn folder_files(tree: &Tree) -> Vec<Complaint> {
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for path in &tree.files {
        *folders.entry(path.rsplit_once('/').map_or(".", |(folder, _)| folder)).or_default() += 1;
    }
    let full = folders.into_iter().filter(|(_, files)| *files > FOLDER_FILES_MAX);
    full.map(|(folder, files)| Complaint {
        path: folder.to_owned(),
        line: 0,
        rule: "folder size",
        found: format!("{files} files, of at most {FOLDER_FILES_MAX}"),
        instead: "group what belongs together into a folder with its noun's name",
    })
    .collect()
}

pub fn struct_fields(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in tree.sources.iter().filter(|source| !holds_wire_or_config(&source.path)) {
        for found in outline(source).structs {
            if found.fields > STRUCT_FIELDS_MAX && !found.is_wire {
                complaints.push(Complaint {
                    path: source.path.clone(),
                    line: found.line,
                    rule: "struct size",
                    found: format!(
                        "`{}` has {} fields, of at most {STRUCT_FIELDS_MAX}",
                        found.name, found.fields
                    ),
                    instead: "it holds several things: give each its own struct",
                });
            }
        }
    }
    complaints
}

/// An inherent impl stands in the file of its type, so nobody has to look for a method.
pub fn impl_beside_type(tree: &Tree) -> Vec<Complaint> {
    let outlines: Vec<_> = tree.sources.iter().map(|source| (source, outline(source))).collect();
    let mut homes: BTreeMap<(Option<&str>, &str), BTreeSet<&str>> = BTreeMap::new();
    for (source, outline) in &outlines {
        for name in &outline.types {
            homes.entry((source.crate_folder(), name)).or_default().insert(&source.path);
        }
    }
    let mut complaints = Vec::new();
    for (source, outline) in &outlines {
        for (name, line) in &outline.impls {
            let Some(home) = homes.get(&(source.crate_folder(), name.as_str())) else { continue };
            if !home.contains(source.path.as_str()) {
                let home: Vec<_> = home.iter().copied().collect();
                complaints.push(Complaint {
                    path: source.path.clone(),
                    line: *line,
                    rule: "split impl",
                    found: format!("`impl {name}`, but the type stands in {}", home.join(", ")),
                    instead: "move it beside the type, make it free functions, or split the type",
                });
            }
        }
    }
    complaints
}

fn holds_wire_or_config(path: &str) -> bool {
    path.starts_with("crates/api/") || path.contains("/config/") || path.ends_with("/config.rs")
}

fn outline(source: &Source) -> Outline {
    let mut outline = Outline::default();
    if let Some(file) = &source.syntax {
        outline.visit_file(file);
    }
    outline
}

/// What a file declares, as far as the rules need it.
#[derive(Default)]
struct Outline {
    functions: Vec<Function>,
    structs: Vec<Struct>,
    /// Names of structs and enums.
    types: Vec<String>,
    /// Inherent impls: the type's name and the line.
    impls: Vec<(String, usize)>,
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

struct Struct {
    name: String,
    line: usize,
    fields: usize,
    is_wire: bool,
}

impl Outline {
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let line = signature.span().start().line;
        let lines = block.span().end().line - line + 1;
        self.functions.push(Function { name: signature.ident.to_string(), line, lines });
    }
}

impl<'a> Visit<'a> for Outline {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        self.types.push(item.ident.to_string());
        self.structs.push(Struct {
            name: item.ident.to_string(),
            line: item.ident.span().start().line,
            fields: item.fields.len(),
            is_wire: item.attrs.iter().any(derives_wire),
        });
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        self.types.push(item.ident.to_string());
        visit::visit_item_enum(self, item);
    }

    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !is_test_item(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        if let (None, syn::Type::Path(path)) = (&item.trait_, &*item.self_ty)
            && let Some(last) = path.path.segments.last()
        {
            self.impls.push((last.ident.to_string(), item.span().start().line));
        }
        visit::visit_item_impl(self, item);
    }
}

/// A struct that is read from or written to the wire, or parsed from the command line, has the
/// fields that the other side fixed.
fn derives_wire(attribute: &syn::Attribute) -> bool {
    let Ok(list) = attribute.meta.require_list() else { return false };
    list.path.is_ident("derive")
        && list
            .tokens
            .to_string()
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| matches!(word, "Serialize" | "Deserialize" | "Parser" | "Args"))
}

/// Beyond this a reader no longer holds the file in mind.
const FILE_LINES_MAX: usize = 500;
/// One screen, and one thought.
const FUNCTION_LINES_MAX: usize = 70;
/// Two files side by side on a laptop.
const LINE_CHARS_MAX: usize = 100;
/// One look at a folder finds the room.
const FOLDER_FILES_MAX: usize = 20;
/// More fields than this are several things.
const STRUCT_FIELDS_MAX: usize = 15;
