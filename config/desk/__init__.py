"""Pages that join apps: what is wrong now, one account, one case, one trail."""
