//! Reads `abi_stable`'s report of differing layouts, thousands of lines about
//! every type on the way, for the one difference that tells most.

/// One difference between two layouts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// The type that differs.
    type_name: String,
    /// What differs, in `abi_stable`'s words, such as `unexpected field`.
    what: String,
    expected: String,
    /// What the plugin has.
    pub(super) found: String,
}

/// Which of the two sides the next line is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Neither,
    Expected,
    Found,
}

impl Difference {
    /// What the host has, and where.
    pub(super) fn expected_in_words(&self) -> String {
        format!("{} ({} in {})", self.expected, self.what, self.type_name)
    }

    /// A field that is not where it was says more than anything else, and a
    /// size says least: it follows from the fields.
    fn rank(&self) -> u8 {
        match self.what.as_str() {
            "unexpected field" => 0,
            "incompatible type size" => 2,
            _ => 1,
        }
    }

    /// The first of those that tell most; `None` if the report names none.
    pub(super) fn most_telling(report: &str) -> Option<Self> {
        all_in(report).into_iter().min_by_key(Self::rank)
    }
}

fn all_in(report: &str) -> Vec<Difference> {
    let mut found: Vec<Difference> = Vec::new();
    let mut type_name = String::new();
    let mut type_follows = false;
    let mut side = Side::Neither;
    for line in report.lines().map(str::trim) {
        if line == "Layout of expected type:" {
            type_follows = true;
        } else if let Some(name) = line.strip_prefix("type:").filter(|_| type_follows) {
            type_name = name.to_owned();
            type_follows = false;
        } else if let Some(what) = line.strip_prefix("Error:") {
            found.push(Difference {
                type_name: type_name.clone(),
                what: what.to_owned(),
                ..Default::default()
            });
            side = Side::Neither;
        } else if line == "Expected:" {
            side = Side::Expected;
        } else if line == "Found:" {
            side = Side::Found;
        } else if let (Some(difference), false) = (found.last_mut(), side == Side::Neither) {
            // Only the first line of a side names it.
            let text = line.strip_prefix("field_name:").unwrap_or(line).to_owned();
            match side {
                Side::Expected => difference.expected = text,
                Side::Found => difference.found = text,
                Side::Neither => {}
            }
            side = Side::Neither;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
Compared <this>:
    --- Type Layout ---
    type:Root

Layout of expected type:
    --- Type Layout ---
    type:Outer
    size:64 align:8

Error:incompatible type size
Expected:
    64
Found:
    96
1 error(s)inside:
    <other>
    type:Root

Layout of expected type:
    --- Type Layout ---
    type:Inner

Error:incompatible type size
Expected:
    32
Found:
    64

Error:unexpected field
Expected:
    field_name:last
    type:u64
Found:
    field_name:one_more
    type:u64
";

    #[test]
    fn a_field_tells_more_than_a_size() {
        let difference = Difference::most_telling(REPORT).unwrap();
        assert_eq!(
            difference.expected_in_words(),
            "last (unexpected field in Inner)"
        );
        assert_eq!(difference.found, "one_more");
        assert_eq!(Difference::most_telling("nothing"), None);
    }
}
