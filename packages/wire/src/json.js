/** What JSON can say, as types, and the one guard that everything else starts from. */
export function isObject(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}
/** Both objects in one, objects inside merged alike; where they disagree the first one counts. */
export function mergeObjects(first, second) {
    const merged = { ...second, ...first };
    for (const key of Object.keys(second)) {
        const [a, b] = [first[key], second[key]];
        if (isObject(a) && isObject(b))
            merged[key] = mergeObjects(a, b);
    }
    return merged;
}
