"""The relational data: accounts, patients, prescriptions, plans, the audit log.

SQLite by default, PostgreSQL by URL. Samples and events never come here.
"""
