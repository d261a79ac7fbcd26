#ifndef LACUNA_CLIBCURL_SHIM_H
#define LACUNA_CLIBCURL_SHIM_H

#include <curl/curl.h>
#include <fcntl.h>

#if LIBCURL_VERSION_NUM < 0x074a00
#error "libcurl 7.74 or later is needed"
#endif

/* Swift calls no function with a variable number of arguments: one of each type here. */
static inline CURLcode lacuna_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode lacuna_set_size(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode lacuna_set_text(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode lacuna_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode lacuna_set_list(CURL *handle, struct curl_slist *value) {
    return curl_easy_setopt(handle, CURLOPT_HTTPHEADER, value);
}

typedef size_t (*lacuna_take)(char *bytes, size_t size, size_t count, void *transfer);
typedef int (*lacuna_begin)(void *transfer, char *address, char *own_address, int port, int own_port);

/* What takes the lines of the head, and what takes the body. Both get `transfer`. */
static inline CURLcode lacuna_set_receivers(CURL *handle, lacuna_take head, lacuna_take body, void *transfer) {
    CURLcode code = curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, head);
    if (!code) code = curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfer);
    if (!code) code = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, body);
    if (!code) code = curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
    return code;
}

static inline int lacuna_close_on_exec(void *unused, curl_socket_t descriptor, curlsocktype purpose) {
    (void)unused, (void)purpose;
    (void)fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    return CURL_SOCKOPT_OK;
}

/* Keeps connections from programs that are started meanwhile, which would hold them open. */
static inline CURLcode lacuna_set_close_on_exec(CURL *handle) {
    return curl_easy_setopt(handle, CURLOPT_SOCKOPTFUNCTION, lacuna_close_on_exec);
}

/* Calls `begin` each time that the request is about to be sent; it answers 0, or 1 to stop that. From 7.80 on. */
static inline CURLcode lacuna_set_begin(CURL *handle, lacuna_begin begin, void *transfer) {
#if LIBCURL_VERSION_NUM >= 0x075000
    CURLcode code = curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, begin);
    if (!code) code = curl_easy_setopt(handle, CURLOPT_PREREQDATA, transfer);
    return code;
#else
    (void)handle, (void)begin, (void)transfer;
    return CURLE_UNKNOWN_OPTION;
#endif
}

/* A PEM text in memory, which libcurl does not copy. From 7.77 on. */
static inline CURLcode lacuna_set_authorities(CURL *handle, const void *bytes, size_t count) {
#if LIBCURL_VERSION_NUM >= 0x074d00
    struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_NOCOPY};
    return curl_easy_setopt(handle, CURLOPT_CAINFO_BLOB, &blob);
#else
    (void)handle, (void)bytes, (void)count;
    return CURLE_UNKNOWN_OPTION;
#endif
}

/* https and http and nothing else. */
static inline CURLcode lacuna_set_protocols(CURL *handle) {
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return curl_easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

/* A handle that is removed while its host's name is looked up does not wait for the end of that. Before 7.87 it does. */
static inline void lacuna_set_quick_exit(CURL *handle) {
#if LIBCURL_VERSION_NUM >= 0x075700
    (void)curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)handle;
#endif
}

static inline CURLcode lacuna_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}

static inline CURLMcode lacuna_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

/* The transfer that a message says is done, and how; NULL if the message says something else. */
static inline CURL *lacuna_done(const CURLMsg *message, CURLcode *result) {
    if (message->msg != CURLMSG_DONE) return NULL;
    *result = message->data.result;
    return message->easy_handle;
}

static inline const curl_version_info_data *lacuna_version_info(void) {
    return curl_version_info(CURLVERSION_NOW);
}

static const int lacuna_curl_has_http2 = CURL_VERSION_HTTP2;
static const int lacuna_curl_has_zlib = CURL_VERSION_LIBZ;
static const int lacuna_curl_has_brotli = CURL_VERSION_BROTLI;
static const int lacuna_curl_has_zstd = CURL_VERSION_ZSTD;
static const long lacuna_http_1_1 = CURL_HTTP_VERSION_1_1;
static const long lacuna_http_2_over_tls = CURL_HTTP_VERSION_2TLS;
static const long lacuna_auth_basic = CURLAUTH_BASIC;

#endif
