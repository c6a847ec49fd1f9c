package validate

// invalid is a project that cannot be loaded, for a reason that no other rule
// knows better.
var invalid = rule{Rule: Rule{"compose-invalid", "The compose project cannot be loaded"}}
