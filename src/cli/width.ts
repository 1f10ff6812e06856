/** What is drawn for: the terminal's width, at most what can be read well, and not less than anything fits into. */
export const COLUMNS = Math.min(100, Math.max(40, process.stdout.columns ?? 100))
