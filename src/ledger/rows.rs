//! Rows of many assessments in one statement.
