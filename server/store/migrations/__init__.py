"""How the tables came about, one step a module in `versions`; alembic runs them at the start."""
