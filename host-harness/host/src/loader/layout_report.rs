//! Finds, in `abi_stable`'s findings about every type on the way, the one
//! difference that tells most: the field, where there is one.

use abi_stable::abi_stability::abi_checking::{
    AbiInstability, AbiInstabilityError, AbiInstabilityErrors, ExpectedFound,
};
use abi_stable::type_layout::{TLData, TLField, TLFieldOrFunction, TypeLayout};
use std::fmt::Display;

/// One difference between two layouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// What one side has, and where.
    pub(super) expected: String,
    /// What the other has.
    pub(super) found: String,
    rank: Rank,
}

/// What tells more comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// A field, variant or method that is another one or of another type.
    Named,
    /// Something about a type as a whole.
    Type,
    /// A size follows from the fields.
    Size,
}

impl Difference {
    /// The first of those that tell most; `None` if nothing differs.
    pub(super) fn most_telling(findings: &AbiInstabilityErrors) -> Option<Self> {
        let root = findings.interface;
        let differences = findings.errors.iter().flat_map(|finding| {
            let place = Place::of(finding, root);
            finding
                .errs
                .iter()
                .map(move |error| place.difference(error))
        });
        differences.min_by_key(|difference| difference.rank)
    }
}

/// Where a difference was found.
struct Place<'a> {
    /// The field whose type was compared.
    field: Option<&'a ExpectedFound<TLFieldOrFunction>>,
    /// The type that has the field.
    holder: Option<&'a TLFieldOrFunction>,
    root: &'static TypeLayout,
}

impl<'a> Place<'a> {
    fn of(finding: &'a AbiInstabilityError, root: &'static TypeLayout) -> Self {
        let mut way = finding.stack_trace.iter().rev();
        let field = way.next();
        let holder = way.next().map(|step| &step.expected);
        Self {
            field,
            holder,
            root,
        }
    }

    /// The name of the type that was compared.
    fn type_name(&self) -> String {
        self.field
            .map_or_else(|| of_root(self.root), |field| name_of_type(&field.expected))
    }

    fn difference(&self, error: &AbiInstability) -> Difference {
        use AbiInstability as Error;
        let within = |what: &dyn Display| format!("{what} in {}", self.type_name());
        let named = |expected: String, found: String| Difference {
            expected,
            found,
            rank: Rank::Named,
        };
        match error {
            Error::UnexpectedField(fields) => named(
                within(&typed(&fields.expected)),
                typed(&fields.found).to_string(),
            ),
            Error::UnexpectedVariant(names) => {
                named(within(&names.expected), names.found.to_string())
            }
            Error::Name(types) => self.of_field(&types.expected, &types.found),
            Error::FieldCountMismatch(counts) => match self.one_more() {
                Some(ExpectedFound { expected, found }) => named(within(&expected), found),
                None => Difference {
                    rank: Rank::Type,
                    expected: within(&format!("{} fields", counts.expected)),
                    found: counts.found.to_string(),
                },
            },
            Error::Size(sizes) => Difference {
                rank: Rank::Size,
                expected: within(&format!("{} bytes", sizes.expected)),
                found: format!("{} bytes", sizes.found),
            },
            Error::Package(names) => Difference {
                rank: Rank::Type,
                expected: within(&format!("the package {}", names.expected)),
                found: names.found.to_string(),
            },
            other => Difference {
                rank: Rank::Type,
                expected: within(&"the same form"),
                found: format!("{other:?}").chars().take(LONGEST_FORM).collect(),
            },
        }
    }

    /// The field that was being compared has another type.
    fn of_field(&self, expected: &dyn Display, found: &dyn Display) -> Difference {
        let Some(field) = self.field else {
            return Difference {
                rank: Rank::Type,
                expected: expected.to_string(),
                found: found.to_string(),
            };
        };
        let holder = self.holder.map_or_else(|| of_root(self.root), name_of_type);
        Difference {
            rank: Rank::Named,
            expected: format!("{}: {expected} in {holder}", name_of(&field.expected)),
            found: format!("{}: {found}", name_of(&field.found)),
        }
    }

    /// Where one side has more fields than the other: the first that are not the
    /// same.
    fn one_more(&self) -> Option<ExpectedFound<String>> {
        let ExpectedFound {
            expected: TLFieldOrFunction::Field(expected),
            found: TLFieldOrFunction::Field(found),
        } = self.field?
        else {
            return None;
        };
        let (ours, theirs) = (fields_of(expected.layout())?, fields_of(found.layout())?);
        let other_name = |(ours, theirs): (&TLField, &TLField)| ours.name() != theirs.name();
        let at = ours
            .iter()
            .zip(&theirs)
            .position(other_name)
            .unwrap_or_else(|| ours.len().min(theirs.len()));
        let end = || "no more fields".to_owned();
        let name = |fields: &[TLField]| fields.get(at).map_or_else(end, typed);
        Some(ExpectedFound {
            expected: name(&ours),
            found: name(&theirs),
        })
    }
}

/// What is shown of a difference that has no words of its own here.
const LONGEST_FORM: usize = 200;

fn fields_of(layout: &'static TypeLayout) -> Option<Vec<TLField>> {
    match layout.data() {
        TLData::Struct { fields } => Some(fields.iter().collect()),
        _ => None,
    }
}

fn of_root(root: &TypeLayout) -> String {
    root.name().to_owned()
}

fn name_of_type(step: &TLFieldOrFunction) -> String {
    match step {
        TLFieldOrFunction::Field(field) => field.layout().name().to_owned(),
        TLFieldOrFunction::Function(_) => format!("the method {}", name_of(step)),
    }
}

fn name_of(step: &TLFieldOrFunction) -> String {
    match step {
        TLFieldOrFunction::Field(field) => field.name().to_owned(),
        TLFieldOrFunction::Function(function) => function.name.to_string(),
    }
}

fn typed(field: &TLField) -> String {
    format!("{}: {}", field.name(), field.full_type())
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi_stable::StableAbi;
    use abi_stable::abi_stability::abi_checking::check_layout_compatibility;

    /// The same root over a record with these fields.
    macro_rules! version {
        ($name:ident { $($field:ident: $type:ty),* }) => {
            mod $name {
                #![allow(unreachable_pub)]
                use abi_stable::StableAbi;
                use abi_stable::std_types::{ROption, RString, RVec};

                #[repr(C)]
                #[derive(StableAbi)]
                pub struct Record {
                    $(pub $field: $type,)*
                    unused: ROption<RVec<u8>>,
                }

                #[repr(C)]
                #[derive(StableAbi)]
                pub struct Root {
                    pub records: RVec<Record>,
                }
            }
        };
    }

    version!(now {
        name: RString,
        count: u64
    });
    version!(reordered {
        count: u64,
        name: RString
    });
    version!(retyped { name: ROption<RString>, count: u64 });
    version!(narrowed {
        name: RString,
        count: u32
    });
    version!(gained {
        name: RString,
        count: u64,
        more: RString
    });

    fn between<Ours: StableAbi, Theirs: StableAbi>() -> (String, String) {
        let findings = check_layout_compatibility(Ours::LAYOUT, Theirs::LAYOUT).unwrap_err();
        let difference = Difference::most_telling(&findings).unwrap();
        (difference.expected, difference.found)
    }

    fn words(expected: &str, found: &str) -> (String, String) {
        (expected.to_owned(), found.to_owned())
    }

    #[test]
    fn a_field_is_named_whether_it_is_another_one_or_of_another_type() {
        assert_eq!(
            between::<now::Root, reordered::Root>(),
            words("name: RString in Record", "count: u64")
        );
        assert_eq!(
            between::<now::Root, retyped::Root>(),
            words("name: RString in Record", "name: ROption")
        );
        assert_eq!(
            between::<now::Root, narrowed::Root>(),
            words("count: u64 in Record", "count: u32")
        );
        assert_eq!(
            between::<now::Root, gained::Root>(),
            words("unused: ROption in Record", "more: RString")
        );
    }
}
