public enum SQLStatements {}
