//! The OpenAPI document of a service, made of its routes.

mod operation;

pub(super) use operation::{Kind, Operation, operation};

use super::response::ErrorBody;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Ref, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, Paths, RefOr, Required, SecurityRequirement,
};
use utoipa::{PartialSchema, ToSchema};

/// The name of the token's scheme.
const TOKEN: &str = "token";

/// Names of places in paths that hold numbers.
const NUMBERS: [&str; 4] = ["run", "event", "message", "number"];

/// A route of the document.
pub(super) struct Documented {
    pub(super) path: String,
    pub(super) method: HttpMethod,
    pub(super) operation: Operation,
}

/// Names of places in paths that hold keys and names.
const NAMES: [&str; 2] = ["key", "app"];

/// Makes the document of these routes.
pub(super) fn document(title: &str, routes: Vec<Documented>) -> OpenApi {
    let mut paths = Paths::new();
    let mut components = ComponentsBuilder::new()
        .security_scheme(
            TOKEN,
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some(
                        "The engine's token, or one of `engine tokens create`.",
                    ))
                    .build(),
            ),
        )
        .schema(ErrorBody::name(), ErrorBody::schema());
    for route in routes {
        for (name, schema) in &route.operation.schemas {
            components = components.schema(name, schema.clone());
        }
        let is_open = route.operation.is_open;
        let name = operation_name(&route);
        let mut operation = route.operation.into_document().operation_id(Some(name));
        for name in places(&route.path) {
            let schema = ObjectBuilder::new();
            let schema = if NUMBERS.contains(&&*name) {
                schema
                    .schema_type(Type::Integer)
                    .minimum(Some(0))
                    .maximum(Some(operation::LARGEST_NUMBER))
            } else if NAMES.contains(&&*name) {
                let schema = schema.schema_type(Type::String).min_length(Some(1));
                schema.pattern(Some(operation::NAME))
            } else {
                schema.schema_type(Type::String).min_length(Some(1))
            };
            operation = operation.parameter(
                ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Path)
                    .required(Required::True)
                    .schema(Some(RefOr::T(Schema::Object(schema.build())))),
            );
        }
        if !is_open {
            let nothing: [&str; 0] = [];
            operation = operation.security(SecurityRequirement::new(TOKEN, nothing));
        }
        paths.add_path_operation(&route.path, vec![route.method], operation.build());
    }
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title(title)
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Every error has the same body: its kind, and a sentence for people.",
                )),
        )
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

/// The names of the places in a path.
fn places(path: &str) -> Vec<String> {
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// A name for an operation that no other has.
fn operation_name(route: &Documented) -> String {
    let method = match route.method {
        HttpMethod::Post => "post",
        HttpMethod::Put => "put",
        HttpMethod::Delete => "delete",
        _ => "get",
    };
    let words = route
        .path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let tail = if route.path.ends_with('/') && route.path.len() > 1 {
        "_one"
    } else {
        ""
    };
    let words: Vec<&str> = std::iter::once(method).chain(words).collect();
    format!("{}{tail}", words.join("_"))
}

/// A schema by its name.
fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}
