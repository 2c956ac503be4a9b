//! What the document says of one operation.

use super::reference;
use utoipa::ToSchema;
use utoipa::openapi::content::Content;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, Required, schema};

/// Keys and names: no slashes and no control characters.
pub(super) const NAME: &str = "^[^/\\u0000-\\u001f\\u007f-\\u009f]+$";

/// The largest number that every client writes exactly.
pub(super) const LARGEST_NUMBER: f64 = 9_007_199_254_740_991.0;

const JSON: &str = "application/json";

/// The form of a parameter.
#[derive(Clone, Copy)]
pub(in crate::services) enum Kind {
    Text,
    /// The key of a project.
    Name,
    /// A whole number that is not negative.
    Number,
    Flag,
    OneOf(&'static [&'static str]),
}

/// An operation as it is written beside its route.
pub(in crate::services) struct Operation {
    summary: &'static str,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    responses: Vec<(&'static str, Response)>,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
    pub(super) is_open: bool,
}

/// An operation that does what the summary says.
pub(in crate::services) fn operation(summary: &'static str) -> Operation {
    Operation {
        summary,
        parameters: Vec::new(),
        body: None,
        responses: Vec::new(),
        schemas: Vec::new(),
        is_open: false,
    }
}

fn object() -> RefOr<Schema> {
    RefOr::T(Schema::Object(
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(schema::AdditionalProperties::FreeForm(true)))
            .build(),
    ))
}

fn array_of(items: RefOr<Schema>) -> RefOr<Schema> {
    RefOr::T(Schema::Array(ArrayBuilder::new().items(items).build()))
}

fn text() -> RefOr<Schema> {
    RefOr::T(Schema::Object(
        ObjectBuilder::new().schema_type(Type::String).build(),
    ))
}

impl Operation {
    /// Needs no token.
    pub(in crate::services) fn open(self) -> Self {
        Self {
            is_open: true,
            ..self
        }
    }

    /// Takes these in its query.
    pub(in crate::services) fn query(mut self, parameters: &[(&str, Kind)]) -> Self {
        for (name, kind) in parameters {
            let schema = ObjectBuilder::new();
            let schema = match kind {
                Kind::Text => schema.schema_type(Type::String),
                Kind::Name => schema
                    .schema_type(Type::String)
                    .min_length(Some(1))
                    .pattern(Some(NAME)),
                Kind::Number => schema
                    .schema_type(Type::Integer)
                    .minimum(Some(0))
                    .maximum(Some(LARGEST_NUMBER)),
                Kind::OneOf(words) => schema
                    .schema_type(Type::String)
                    .enum_values(Some(words.iter().copied())),
                Kind::Flag => schema.schema_type(Type::Boolean),
            };
            self.parameters.push(
                ParameterBuilder::new()
                    .name(*name)
                    .parameter_in(ParameterIn::Query)
                    .required(match kind {
                        Kind::Name => Required::True,
                        _ => Required::False,
                    })
                    .schema(Some(RefOr::T(Schema::Object(schema.build()))))
                    .build(),
            );
        }
        self
    }

    /// Takes this record as JSON.
    pub(in crate::services) fn takes<T: ToSchema>(mut self) -> Self {
        let schema = self.schema_of::<T>();
        self.takes_schema(JSON, schema)
    }

    /// Takes an object whose form the provider interface describes.
    pub(in crate::services) fn takes_object(self) -> Self {
        self.takes_schema(JSON, object())
    }

    /// Takes the bytes of a file.
    pub(in crate::services) fn takes_bytes(self) -> Self {
        self.takes_schema("application/octet-stream", text())
    }

    fn takes_schema(self, content_type: &str, schema: RefOr<Schema>) -> Self {
        let body = RequestBodyBuilder::new()
            .required(Some(Required::True))
            .content(content_type, Content::new(Some(schema)))
            .build();
        Self {
            body: Some(body),
            ..self
        }
    }

    /// Responds with this record.
    pub(in crate::services) fn gives<T: ToSchema>(mut self, status: &'static str) -> Self {
        let schema = self.schema_of::<T>();
        self.responds(status, JSON, schema)
    }

    /// Responds with a list of these records.
    pub(in crate::services) fn lists<T: ToSchema>(mut self) -> Self {
        let items = self.schema_of::<T>();
        self.responds("200", JSON, array_of(items))
    }

    /// Responds with an object whose form the provider interface describes.
    pub(in crate::services) fn gives_object(self) -> Self {
        self.responds("200", JSON, object())
    }

    /// [`Operation::gives_object`], with another status.
    pub(in crate::services) fn gives_object_as(self, status: &'static str) -> Self {
        self.responds(status, JSON, object())
    }

    /// Responds with a list of such objects.
    pub(in crate::services) fn lists_objects(self) -> Self {
        self.responds("200", JSON, array_of(object()))
    }

    /// Responds with text or bytes.
    pub(in crate::services) fn gives_text(self, content_type: &str) -> Self {
        self.responds("200", content_type, text())
    }

    /// Responds with nothing, with this status.
    pub(in crate::services) fn gives_nothing(mut self, status: &'static str) -> Self {
        self.responses.push((status, Response::new("Nothing")));
        self
    }

    fn responds(mut self, status: &'static str, kind: &str, schema: RefOr<Schema>) -> Self {
        let response = ResponseBuilder::new()
            .description(self.summary)
            .content(kind, Content::new(Some(schema)))
            .build();
        self.responses.push((status, response));
        self
    }

    fn schema_of<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        let name = T::name().into_owned();
        self.schemas.push((name.clone(), T::schema()));
        reference(&name)
    }

    /// The document's own form of it.
    pub(super) fn into_document(self) -> OperationBuilder {
        let mut document = OperationBuilder::new()
            .summary(Some(self.summary))
            .request_body(self.body);
        for parameter in self.parameters {
            document = document.parameter(parameter);
        }
        for (status, response) in self.responses {
            document = document.response(status, response);
        }
        let error = ResponseBuilder::new()
            .description("It could not be done; the body says why.")
            .content(JSON, Content::new(Some(reference("ErrorBody"))));
        document.response("default", error.build())
    }
}
