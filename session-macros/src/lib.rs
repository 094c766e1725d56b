//! The derive behind `session-runtime`.
