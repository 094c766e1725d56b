//! Reads the spelling of a field's type, to choose the types of its accessors and to reject policies that do not suit it.
//!
//! An alias hides the type that it stands for. The reader of such a field returns `&T`, which is correct but less convenient.

use quote::ToTokens;
use syn::{GenericArgument, Path, PathArguments, Type, TypePath};

/// The shape of a type, by its spelling.
pub(crate) enum Shape<'a> {
    /// A number, `bool` or `char`.
    Primitive,
    /// `String`.
    Text,
    /// `Vec<T>`.
    List(&'a Type),
    /// `Option<T>`.
    Maybe(&'a Type),
    /// Another type of the standard library, or of the language.
    Known,
    /// `&T`.
    Reference,
    /// Anything else: the application's own type, or an alias.
    Other,
}

const INTEGERS: [&str; 12] = ["u8", "u16", "u32", "u64", "usize", "u128", "i8", "i16", "i32", "i64", "isize", "i128"];
const PRIMITIVES: [&str; 4] = ["f32", "f64", "bool", "char"];
/// Names of the standard library that applications hardly use for their own types.
const KNOWN: [&str; 11] =
    ["HashMap", "BTreeMap", "HashSet", "BTreeSet", "VecDeque", "Box", "Rc", "Arc", "SystemTime", "Duration", "PathBuf"];

impl<'a> Shape<'a> {
    pub(crate) fn of(ty: &'a Type) -> Self {
        match bare(ty) {
            Type::Path(TypePath { qself: None, path, .. }) => Self::of_path(path),
            Type::Reference(_) => Self::Reference,
            Type::Array(_) | Type::Tuple(_) | Type::Slice(_) | Type::FnPtr(_) | Type::Ptr(_) | Type::Never(_) => {
                Self::Known
            }
            _ => Self::Other,
        }
    }

    fn of_path(path: &'a Path) -> Self {
        let (Some(first), Some(last)) = (path.segments.first(), path.segments.last()) else { return Self::Other };
        // `heapless::Vec`, for example, is another type.
        let ours = path.segments.len() == 1 || ["std", "core", "alloc"].iter().any(|root| first.ident == root);
        let (name, arguments) = (last.ident.to_string(), types(&last.arguments));
        match (name.as_str(), arguments.as_deref()) {
            _ if !ours => Self::Other,
            ("String", Some([])) => Self::Text,
            ("Vec", Some([item])) => Self::List(item),
            ("Option", Some([value])) => Self::Maybe(value),
            (name, Some([])) if INTEGERS.contains(&name) || PRIMITIVES.contains(&name) => Self::Primitive,
            (name, _) if KNOWN.contains(&name) => Self::Known,
            _ => Self::Other,
        }
    }
}

/// Returns whether the type is spelled as an integer that a counter can hold, which excludes `u128` and `i128`. `None` if the
/// spelling does not tell.
pub(crate) fn is_integer(ty: &Type) -> Option<bool> {
    match (Shape::of(ty), bare(ty)) {
        (Shape::Primitive, Type::Path(path)) => {
            let wide = |name: &syn::Ident| name == "u128" || name == "i128";
            let name = path.path.segments.last().map(|segment| &segment.ident);
            Some(name.is_some_and(|name| INTEGERS.iter().any(|integer| name == integer) && !wide(name)))
        }
        (Shape::Other, _) => None,
        _ => Some(false),
    }
}

/// A collection, by the type's spelling, of any crate.
pub(crate) enum Collection<'a> {
    /// A list or a set of these.
    Items(&'a Type),
    /// A map with these keys.
    Keys(&'a Type),
}

impl<'a> Collection<'a> {
    pub(crate) fn of(ty: &'a Type) -> Option<Self> {
        let Type::Path(TypePath { path, .. }) = bare(ty) else { return None };
        let last = path.segments.last()?;
        let first = types(&last.arguments)?.into_iter().next()?;
        match last.ident.to_string().as_str() {
            "Vec" | "VecDeque" | "HashSet" | "BTreeSet" => Some(Self::Items(first)),
            "HashMap" | "BTreeMap" => Some(Self::Keys(first)),
            _ => None,
        }
    }
}

/// Returns whether the type is spelled as a floating-point number.
pub(crate) fn is_float(ty: &Type) -> bool {
    let Type::Path(path) = bare(ty) else { return false };
    matches!(Shape::of(ty), Shape::Primitive) && (path.path.is_ident("f32") || path.path.is_ident("f64"))
}

/// Returns whether equal values may be stored in another order, by the type's spelling: a `HashMap` or a `HashSet` of any
/// crate, or an `Option` of one.
pub(crate) fn is_unordered(ty: &Type) -> bool {
    match (Shape::of(ty), bare(ty)) {
        (Shape::Maybe(inner), _) => is_unordered(inner),
        (_, Type::Path(path)) => {
            path.path.segments.last().is_some_and(|segment| segment.ident == "HashMap" || segment.ident == "HashSet")
        }
        _ => false,
    }
}

/// Returns whether a value may be encoded as nil, by the type's spelling: an `Option` that is `None`, or a unit.
pub(crate) fn may_be_nothing(ty: &Type) -> bool {
    match bare(ty) {
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        ty => matches!(Shape::of(ty), Shape::Maybe(_)),
    }
}

/// Returns the first reference in the type, its type arguments, or the elements of its tuples, arrays and slices.
pub(crate) fn borrowed(ty: &Type) -> Option<&syn::TypeReference> {
    match bare(ty) {
        Type::Reference(reference) => Some(reference),
        Type::Path(path) => {
            path.path.segments.iter().filter_map(|segment| types(&segment.arguments)).flatten().find_map(borrowed)
        }
        Type::Tuple(tuple) => tuple.elems.iter().find_map(borrowed),
        Type::Array(array) => borrowed(&array.elem),
        Type::Slice(slice) => borrowed(&slice.elem),
        _ => None,
    }
}

/// Returns the type to write instead of a reference.
pub(crate) fn owned(reference: &syn::TypeReference) -> String {
    let target = spelling(&reference.elem);
    match bare(&reference.elem) {
        _ if target == "str" => "String".to_owned(),
        Type::Slice(slice) => format!("Vec<{}>", spelling(&slice.elem)),
        Type::Reference(_) => "an owned type".to_owned(),
        _ if target.ends_with("Path") => format!("{target}Buf"),
        _ => target,
    }
}

/// Returns a type as a person would write it.
pub(crate) fn spelling(ty: &Type) -> String {
    let text = bare(ty).to_token_stream().to_string();
    let tight = [(" :: ", "::"), (" < ", "<"), (" <", "<"), ("< ", "<"), (" >", ">"), (" ,", ","), ("& ", "&")];
    tight.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

/// Returns the type without parentheses, and without the invisible ones from a `macro_rules!` fragment.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        ty => ty,
    }
}

/// Returns the type arguments, if there are only types between the angle brackets.
fn types(arguments: &PathArguments) -> Option<Vec<&Type>> {
    match arguments {
        PathArguments::None => Some(Vec::new()),
        PathArguments::AngleBracketed(list) => {
            let types = list.args.iter().map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            });
            types.collect()
        }
        _ => None,
    }
}
