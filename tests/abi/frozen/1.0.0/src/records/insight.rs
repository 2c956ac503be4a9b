//! Reports on a commit with annotations on its lines.

use crate::abi::record;
use crate::open_enum::open_enum;

open_enum! {
    /// What a report is about.
    pub enum ReportType {
        /// Anything else.
        BUG = 0 => "BUG",
        /// Security.
        SECURITY = 1 => "SECURITY",
        /// Coverage by tests.
        COVERAGE = 2 => "COVERAGE",
        /// Tests.
        TEST = 3 => "TEST",
    }
}

open_enum! {
    /// What a report or an annotation concludes.
    pub enum ReportResult {
        /// Not known yet.
        PENDING = 0 => "PENDING",
        /// Good.
        PASSED = 1 => "PASSED",
        /// Bad.
        FAILED = 2 => "FAILED",
        /// Left out; for annotations only.
        SKIPPED = 3 => "SKIPPED",
        /// Of no consequence; for annotations only.
        IGNORED = 4 => "IGNORED",
    }
}

open_enum! {
    /// How a value of a report is shown.
    pub enum ReportDataType {
        /// As it is.
        TEXT = 0 => "TEXT",
        /// `true` or `false`.
        BOOLEAN = 1 => "BOOLEAN",
        /// Milliseconds since 1970 as a date.
        DATE = 2 => "DATE",
        /// Milliseconds as a span of time.
        DURATION = 3 => "DURATION",
        /// An address; the title is its text.
        LINK = 4 => "LINK",
        /// A number.
        NUMBER = 5 => "NUMBER",
        /// A number from 0 to 100.
        PERCENTAGE = 6 => "PERCENTAGE",
    }
}

open_enum! {
    /// What an annotation is about.
    pub enum AnnotationType {
        /// A weak point.
        VULNERABILITY = 0 => "VULNERABILITY",
        /// Something hard to maintain.
        CODE_SMELL = 1 => "CODE_SMELL",
        /// A defect.
        BUG = 2 => "BUG",
    }
}

open_enum! {
    /// How grave an annotation is.
    pub enum Severity {
        /// Not very.
        LOW = 0 => "LOW",
        /// Somewhat.
        MEDIUM = 1 => "MEDIUM",
        /// Very.
        HIGH = 2 => "HIGH",
        /// Most.
        CRITICAL = 3 => "CRITICAL",
    }
}

record! {
    /// A value of a report.
    pub struct ReportData / ReportDataAbi {
        /// What it is.
        pub title: String,
        /// How it is shown.
        pub kind: ReportDataType,
        /// The value as text.
        pub value: String,
    }

    /// A remark on a line or a file.
    pub struct Annotation / AnnotationAbi {
        /// The engine's id: the same id replaces.
        pub id: String,
        /// What it is about.
        pub kind: AnnotationType,
        /// The file; `None` for the commit as a whole.
        pub path: Option<String>,
        /// The line, from 1.
        pub line: Option<u64>,
        /// The last line, if it is about several.
        pub end_line: Option<u64>,
        /// The first column, from 1.
        pub start_column: Option<u64>,
        /// The last column.
        pub end_column: Option<u64>,
        /// One line of text.
        pub summary: String,
        /// More text.
        pub details: String,
        /// How grave.
        pub severity: Severity,
        /// What it concludes.
        pub result: Option<ReportResult>,
        /// Where to read more.
        pub link: Option<String>,
    }

    /// A report to publish on a commit; an earlier one of the same id is
    /// replaced with all its annotations.
    pub struct InsightReportRequest / InsightReportRequestAbi {
        /// The full name of the repository.
        pub repo: String,
        /// The full hash.
        pub commit: String,
        /// The engine's id of the report.
        pub id: String,
        /// The title.
        pub title: String,
        /// The text.
        pub details: String,
        /// What it is about.
        pub kind: ReportType,
        /// What it concludes.
        pub result: Option<ReportResult>,
        /// Who made it.
        pub reporter: Option<String>,
        /// Where to read more.
        pub link: Option<String>,
        /// The address of a picture.
        pub logo_url: Option<String>,
        /// Values to show.
        pub data: Vec<ReportData>,
        /// The annotations.
        pub annotations: Vec<Annotation>,
    }

    /// A published report.
    pub struct InsightReport / InsightReportAbi {
        /// The service's id.
        pub uuid: String,
        /// The engine's id.
        pub id: String,
        /// How many annotations were published.
        pub annotations: u64,
        /// What was left out, such as annotations above the service's limit.
        pub warnings: Vec<String>,
    }
}
