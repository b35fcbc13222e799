/* The definition of what types.c only declares. */
struct hidden { long first; char *second; };
long use_hidden(struct hidden *h) { return h->first; }
